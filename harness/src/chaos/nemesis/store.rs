//! Faults of the checkpoint store: no space, no writing, damaged files.

use std::path::Path;
use std::time::Duration;

use super::super::plan::{Damage, Step};
use super::{Field, GONE, Outcome, is_over};
use crate::failure::Failure;
use crate::history::Phase;

/// So soon a killed process is gone.
const DEAD: Duration = Duration::from_millis(200);

impl Field<'_> {
    pub(super) async fn store_full(&mut self, lasts: Duration, step: &Step) -> Result<Outcome, Failure> {
        let Some(disk) = self.disk else { return Err(no_disk()) };
        let bytes = disk.fill()?;
        self.tell(
            &step.fault,
            Phase::Struck,
            &format!("the last {bytes} bytes of the checkpoints' disk are taken"),
        )?;
        self.pass(lasts).await?;
        disk.empty()?;
        self.tell(&step.fault, Phase::Healed, "there is space again")?;
        Ok(Outcome::Done)
    }

    pub(super) async fn store_read_only(&mut self, lasts: Duration, step: &Step) -> Result<Outcome, Failure> {
        let Some(disk) = self.disk else { return Err(no_disk()) };
        disk.read_only(true)?;
        self.tell(&step.fault, Phase::Struck, "the checkpoints' disk is read-only")?;
        self.pass(lasts).await?;
        disk.read_only(false)?;
        self.tell(&step.fault, Phase::Healed, "the disk can be written again")?;
        Ok(Outcome::Done)
    }

    /// All processes die; the files of all checkpoints are damaged before they are started again.
    pub(super) async fn damage_checkpoint(
        &mut self,
        damage: Damage,
        step: &Step,
    ) -> Result<Outcome, Failure> {
        let wanted = self.subject.seen().kills + 1;
        self.kill_everything()?;
        // Nothing is started again until what happened is taken in.
        tokio::time::sleep(DEAD).await;
        let files = spoil(self.checkpoints, damage)?;
        if files == 0 {
            return Ok(Outcome::Missed("there was no checkpoint".into()));
        }
        self.tell(
            &step.fault,
            Phase::Struck,
            &format!("the files of {files} checkpoints are {damage:?}").to_lowercase(),
        )?;
        self.subject.pump(GONE, |seen| seen.kills >= wanted || is_over(seen)).await?;
        Ok(Outcome::Done)
    }
}

/// Damages every file of a checkpoint below a directory; how many.
fn spoil(directory: &Path, damage: Damage) -> Result<u64, Failure> {
    let mut files = 0;
    for entry in std::fs::read_dir(directory).map_err(Failure::at("read", directory))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            files += spoil(&path, damage)?;
        } else if name.starts_with("checkpoint-") {
            let mut bytes = std::fs::read(&path).map_err(Failure::at("read", &path))?;
            let middle = bytes.len() / 2;
            match damage {
                Damage::Torn => bytes.truncate(middle),
                Damage::Flipped => bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 0x10),
            }
            std::fs::write(&path, bytes).map_err(Failure::at("write", &path))?;
            files += 1;
        }
    }
    Ok(files)
}

fn no_disk() -> Failure {
    Failure::internal("the checkpoints have no disk of their own")
}
