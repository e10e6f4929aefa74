//! The font of the visible mark. It must have Chinese, or names of units and people would be empty boxes.

use std::path::Path;

use super::RenderError;

/// Fonts with Chinese, where Debian and Ubuntu put them. The first is what `tools/apt.sh` installs.
const FONTS: [&str; 5] = [
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
];

/// The first that is there.
pub(super) fn find() -> Result<&'static str, RenderError> {
    FONTS.into_iter().find(|font| Path::new(font).is_file()).ok_or(RenderError::NoFont)
}
