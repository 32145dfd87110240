//! What is around every stored object: what it is, its format version, its length and its checksum.
//!
//! The checksum covers the object's name too, so that a file copied or renamed over another one is refused.

/// Bytes in front of the content: magic, kind, version, length, checksum.
const HEADER: usize = 8 + 4 + 4 + 8 + 4;
const MAGIC: [u8; 8] = *b"truecut\n";
/// The newest format version that this program reads, and the one that it writes.
const VERSION: u32 = 3;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Owner,
    Head,
    Checkpoint,
    State,
    Layer,
    Log,
}

impl Kind {
    fn tag(self) -> [u8; 4] {
        *match self {
            Self::Owner => b"OWNR",
            Self::Head => b"HEAD",
            Self::Checkpoint => b"CHKP",
            Self::State => b"STAT",
            Self::Layer => b"LAYR",
            Self::Log => b"OLOG",
        }
    }

    /// What to do when it can't be used.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Owner | Self::Head => {
                "restore the file from a backup, or start anew in an empty checkpoint directory: the job then reads \
                 its input again from its start position, and what it wrote before may be repeated"
            }
            Self::Checkpoint | Self::State | Self::Layer | Self::Log => {
                "restore the file from a backup, or start fresh: the job then reads its input again from its start \
                 position, and what it wrote before may be repeated"
            }
        }
    }
}

/// The bytes that go in front of the content.
pub(super) fn seal(name: &str, kind: Kind, content: &[u8]) -> [u8; HEADER] {
    let length = u64::try_from(content.len()).expect("a length fits");
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&kind.tag());
    header[12..16].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(name, &header, content);
    header[24..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The content, or what is wrong.
pub(super) fn open<'a>(name: &str, kind: Kind, bytes: &'a [u8]) -> Result<&'a [u8], String> {
    let Some((header, content)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(format!("it has {} bytes, too few to be whole", bytes.len()));
    };
    if header[..8] != MAGIC {
        return Err("it is not a file of truecut".into());
    }
    if header[8..12] != kind.tag() {
        return Err(format!("it is not what its name says, but a {}", header[8..12].escape_ascii()));
    }
    let version = u32::from_le_bytes(part(header, 12));
    if version > VERSION {
        return Err(format!(
            "it has format version {version} and this program reads up to {VERSION}: use the newer program that wrote it"
        ));
    }
    if version < VERSION {
        return Err(format!(
            "it has format version {version}, which this program does not read any more: finish the job with the program that wrote it"
        ));
    }
    let length = u64::from_le_bytes(part(header, 16));
    if u64::try_from(content.len()) != Ok(length) {
        return Err(format!("it has {} of {length} bytes of content", content.len()));
    }
    if checksum(name, header, content).to_le_bytes() != header[24..] {
        return Err("its checksum does not match: it was changed, or was renamed from another file".into());
    }
    Ok(content)
}

fn checksum(name: &str, header: &[u8; HEADER], content: &[u8]) -> u32 {
    let of_name = crc32c::crc32c(name.as_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(of_name, &header[..24]), content)
}

fn part<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&header[at..at + N]);
    out
}
