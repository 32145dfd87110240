//! Why real runs visit shapes that no search reaches, where that is known. An explanation of an input that the model does reach would hide
//! a gap: a test rejects it, unless it is about one effect that the model leaves out.

/// What the model leaves out on purpose.
struct Known {
    role: &'static str,
    /// Begin of the input.
    input: &'static str,
    why: &'static str,
}

const KNOWN: &[Known] = &[];

/// Why no world of the model reaches this shape.
pub(super) fn reason(shape: &str) -> Option<&'static str> {
    let (role, rest) = shape.split_once(": ")?;
    let (input, _) = rest.split_once(" ->")?;
    KNOWN.iter().find(|known| known.role == role && input.starts_with(known.input)).map(|known| known.why)
}
