//! A right output holds; each way to spoil one is seen.

use super::*;

/// An output record.
#[derive(Clone, Debug)]
struct Row {
    partition: i32,
    key: String,
    value: Vec<u8>,
}

const BIDS: [(i32, u64, u64); 6] =
    [(0, 1_000, 50), (1, 1_001, 70), (0, 1_000, 20), (0, 1_002, 999), (1, 1_001, 7), (0, 1_000, 60)];

fn bid(number: usize, auction: u64, price: u64) -> String {
    format!(
        r#"{{"auction":{auction},"bidder":9,"price":{price},"channel":"c","url":"u","date_time":{number},"extra":""}}"#
    )
}

fn input(query: Query) -> Input {
    let mut input = Input::new(Topic { name: "in".into(), partitions: 4 });
    for (number, (partition, key, price)) in BIDS.into_iter().enumerate() {
        let place = usize::try_from(partition).unwrap();
        let offset = i64::try_from(input.partitions[place].len()).unwrap();
        let (key, value) = (key.to_string(), bid(number, key, price));
        let record = Read { partition, offset, key: key.as_bytes(), value: value.as_bytes() };
        input.take(record, query).unwrap();
    }
    input.demands.sort_unstable();
    input
}

/// The job, played with code of its own.
fn right(query: Query) -> Vec<Row> {
    let mut next = HashMap::<i32, i64>::new();
    let mut state = HashMap::<u64, (u64, u32, u64, u64)>::new();
    let mut rows = Vec::new();
    for (number, (partition, key, price)) in BIDS.into_iter().enumerate() {
        let next = next.entry(partition).or_default();
        let offset = *next;
        *next += 1;
        let given = bid(number, key, price);
        let (count, digest, sum, max) = state.entry(key).or_default();
        *count += 1;
        *sum += price;
        *max = price.max(*max);
        let mut folded = digest.to_le_bytes().to_vec();
        folded.extend_from_slice(&crc32c::crc32c(given.as_bytes()).to_le_bytes());
        *digest = crc32c::crc32c(&folded);
        let value = match query {
            Query::PassThrough => given.into_bytes(),
            Query::Currency => {
                let euros = price * 908 / 1_000;
                format!(r#"{{"auction":{key},"bidder":9,"price":{euros},"dateTime":{number}}}"#).into_bytes()
            }
            Query::Bids => format!(
                r#"{{"auction":{key},"bids":{count},"sum":{sum},"max":{max},"partition":{partition},"offset":{offset}}}"#
            )
            .into_bytes(),
            Query::Count => {
                let mut bytes = count.to_be_bytes().to_vec();
                bytes.extend_from_slice(&digest.to_be_bytes());
                bytes.extend_from_slice(&partition.to_be_bytes());
                bytes.extend_from_slice(&offset.to_be_bytes());
                bytes
            }
        };
        rows.push(Row { partition: i32::from(key % 2 == 0), key: key.to_string(), value });
    }
    rows
}

fn judged(query: Query, rows: &[Row]) -> Judged {
    let input = input(query);
    let mut judge = Judge::new(query, &input).unwrap();
    let mut next = HashMap::<i32, i64>::new();
    for row in rows {
        let next = next.entry(row.partition).or_default();
        let offset = *next;
        *next += 1;
        judge
            .take(Read { partition: row.partition, offset, key: row.key.as_bytes(), value: &row.value })
            .unwrap();
    }
    judge.finish(Drain::Complete)
}

fn is_seen(query: Query, rows: &[Row], class: &str) {
    let found = judged(query, rows);
    assert_eq!(found.verdict, Verdict::Violated, "{query}: {class}");
    assert!(found.reasons.iter().any(|reason| reason.starts_with(class)), "{query}: {:?}", found.reasons);
}

#[test]
fn a_right_output_holds_and_its_offsets_are_kept() {
    for query in Query::ALL {
        let found = judged(query, &right(query));
        assert_eq!((found.verdict, found.reasons), (Verdict::Holds, Vec::new()), "{query}");
        assert_eq!(found.offsets[..2], [vec![0, 1], vec![0, 1, 2, 3]], "{query}");
    }
}

#[test]
fn a_loss_is_seen_also_at_the_end() {
    for query in Query::ALL {
        for gone in 0..BIDS.len() {
            let mut rows = right(query);
            rows.remove(gone);
            is_seen(query, &rows, "lost");
        }
    }
}

#[test]
fn a_repetition_is_seen() {
    for query in Query::ALL {
        let mut rows = right(query);
        rows.push(rows[3].clone());
        is_seen(query, &rows, "duplicate");
    }
}

#[test]
fn a_strange_record_is_seen() {
    for query in Query::ALL {
        let mut rows = right(query);
        rows.push(Row { value: b"what?".to_vec(), ..rows[0].clone() });
        is_seen(query, &rows, "phantom");
        let mut rows = right(query);
        rows[0].key = "1001".to_owned();
        is_seen(query, &rows, "phantom");
    }
}

#[test]
fn records_of_one_key_in_another_order_are_seen() {
    for query in Query::ALL {
        let mut rows = right(query);
        rows.swap(0, 2);
        is_seen(query, &rows, "order");
    }
}

#[test]
fn a_wrong_count_is_seen() {
    let mut rows = right(Query::Count);
    rows[5].value[7] = 9;
    is_seen(Query::Count, &rows, "sequence");
    let mut rows = right(Query::Bids);
    let text = String::from_utf8(rows[5].value.clone()).unwrap();
    rows[5].value = text.replace(r#""bids":3"#, r#""bids":4"#).into_bytes();
    is_seen(Query::Bids, &rows, "sequence");
}

#[test]
fn a_wrong_state_is_seen() {
    let mut rows = right(Query::Count);
    rows[5].value[11] ^= 1;
    is_seen(Query::Count, &rows, "wrong_value");
    for (from, to) in [(r#""sum":130"#, r#""sum":131"#), (r#""max":60"#, r#""max":59"#)] {
        let mut rows = right(Query::Bids);
        let text = String::from_utf8(rows[5].value.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        rows[5].value = text.replace(from, to).into_bytes();
        is_seen(Query::Bids, &rows, "wrong_value");
    }
    let mut rows = right(Query::Currency);
    let text = String::from_utf8(rows[1].value.clone()).unwrap();
    rows[1].value = text.replace(r#""price":63"#, r#""price":64"#).into_bytes();
    is_seen(Query::Currency, &rows, "phantom");
}

#[test]
fn an_output_in_other_words_is_not_the_jobs() {
    let mut rows = right(Query::Bids);
    rows[0].value.push(b' ');
    is_seen(Query::Bids, &rows, "phantom");
}

#[test]
fn no_output_is_no_pass() {
    for query in Query::ALL {
        assert_eq!(judged(query, &[]).verdict, Verdict::Violated, "{query}");
    }
}

#[test]
fn equal_demands_are_met_once_each() {
    let mut input = Input::new(Topic { name: "in".into(), partitions: 4 });
    for offset in 0..2 {
        let record = Read { partition: 0, offset, key: b"1000", value: b"the same" };
        input.take(record, Query::PassThrough).unwrap();
    }
    for (outputs, verdict) in [(1, Verdict::Violated), (2, Verdict::Holds), (3, Verdict::Violated)] {
        let mut judge = Judge::new(Query::PassThrough, &input).unwrap();
        for offset in 0..outputs {
            judge.take(Read { partition: 0, offset, key: b"1000", value: b"the same" }).unwrap();
        }
        assert_eq!(judge.finish(Drain::Complete).verdict, verdict, "{outputs} outputs");
    }
}

#[test]
fn lineage_is_told_where_it_is_written() {
    let rows = right(Query::Count);
    assert_eq!(lineage(Query::Count, &rows[4].value), Some((1, 1)));
    assert_eq!(lineage(Query::Bids, &right(Query::Bids)[4].value), Some((1, 1)));
    assert_eq!(lineage(Query::Currency, b"{}"), None);
    assert_eq!(lineage(Query::Count, b"short"), None);
}
