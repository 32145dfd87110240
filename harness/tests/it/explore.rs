//! `explore`: it serves a scope until it is ended.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::program::{call, truecut};

fn get(address: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn the_explorer_tells_steps_in_sentences_and_draws_the_way_until_ctrl_c() {
    let arguments = ["explore", "--mutant", "commit_on_precommit", "--port", "0"];
    let mut child = truecut().args(arguments).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("it says where it is");
    assert!(line.starts_with("Scope small, mutant commit_on_precommit: http://127.0.0.1:"), "{line}");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let address = address.to_owned();
    let mut tries = 0;
    while TcpStream::connect(&address).is_err() && tries < 100 {
        tries += 1;
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    let status = get(&address, "/.status");
    let properties = status["properties"].as_array().expect("properties");
    assert!(properties.len() == 16 && properties[1][1] == "no_duplicate", "{status}");
    let steps = get(&address, "/.states/0");
    let steps = steps.as_array().expect("steps");
    let actions: Vec<&str> = steps.iter().filter_map(|step| step["action"].as_str()).collect();
    assert!(actions.contains(&"Worker w0 is told: run attempt 1 from checkpoint 1."), "{actions:?}");
    assert!(steps[0]["outcome"].as_str().is_some_and(|outcome| outcome.contains("kafka: open transactions")));
    assert!(steps[0]["svg"].as_str().is_some_and(|svg| svg.starts_with("<svg") && svg.contains("1 step<")));

    let pid = i32::try_from(child.id()).expect("a pid");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn a_port_in_use_and_unknown_names_are_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("it has one").port().to_string();
    let answer = call(&["explore", "--port", &port]);
    assert!(answer.code == 3 && answer.err.contains("--port"), "{}", answer.err);
    for wrong in [["--scope", "none_such"], ["--mutant", "none_such"], ["--assume", "none_such"]] {
        assert_eq!(call(&[&["explore"][..], &wrong].concat()).code, 64, "{wrong:?}");
    }
}
