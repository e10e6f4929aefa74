//! Checks that many fields share: a text of the right length, an instant as RFC 3339. Each failure names the field.

use crate::error::ApiError;

/// Longest name, place or contact: what fits one line of the printed form.
pub const LINE_CHARS_MAX: usize = 120;
/// Longest free text: a page of a form.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// `text` without outer blanks, or a refusal naming `field`. One line: no control characters.
pub fn line(field: &str, text: &str) -> Result<String, ApiError> {
    let trimmed = text.trim();
    let chars = trimmed.chars().count();
    if chars == 0 {
        return Err(ApiError::field(field, "不能为空。", "It must not be empty."));
    }
    if chars > LINE_CHARS_MAX || trimmed.chars().any(char::is_control) {
        return Err(ApiError::field(
            field,
            "最多120个字符,不得含换行或控制字符。",
            "At most 120 characters, no line breaks or control characters.",
        ));
    }
    Ok(trimmed.into())
}

/// Free text of 1 to 2,000 characters; line breaks and tabs are fine, other control characters are not.
pub fn prose(field: &str, text: &str) -> Result<String, ApiError> {
    let trimmed = text.trim();
    let chars = trimmed.chars().count();
    if chars == 0 {
        return Err(ApiError::field(field, "不能为空。", "It must not be empty."));
    }
    let stray = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if chars > TEXT_CHARS_MAX || trimmed.chars().any(stray) {
        return Err(ApiError::field(
            field,
            "最多2000个字符,不得含控制字符。",
            "At most 2000 characters, no control characters.",
        ));
    }
    Ok(trimmed.into())
}
