//! The fields of the catalogue as a table: their names, their headings, and how each is written. Whatever prints, compares or
//! counts cameras goes by it. Absent: device status, which the relay alone knows, and credentials, which nobody prints.

use super::camera::{Camera, Transport};

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name in the API and in files.
    pub name: &'static str,
    /// Its heading in Chinese.
    pub zh: &'static str,
    /// True for those that J-4 wants of each camera.
    pub is_mandatory: bool,
    /// As it is written; empty where there is nothing.
    pub text: fn(&Camera) -> String,
}

const fn field(name: &'static str, zh: &'static str, is_mandatory: bool, text: fn(&Camera) -> String) -> Field {
    Field { name, zh, is_mandatory, text }
}

/// All fields, in the order of files.
pub static FIELDS: [Field; 15] = [
    field("id", "编号", false, |camera| camera.id.to_string()),
    field("name", "名称", false, |camera| camera.name.clone()),
    field("source", "主码流地址", false, |camera| camera.source.as_str().into()),
    field("sub_source", "子码流地址", false, |camera| {
        camera.sub_source.as_ref().map(|source| source.as_str().into()).unwrap_or_default()
    }),
    field("transport", "传输方式", false, |camera| match camera.transport {
        Transport::Tcp => "tcp".into(),
        Transport::Udp => "udp".into(),
    }),
    field("resource_category", "视频资源类别", true, |camera| camera.resource_category.clone()),
    field("location_name", "位置名称", true, |camera| camera.location_name.clone()),
    field("camera_type", "摄像头类型", true, |camera| camera.camera_type.clone()),
    field("construction_unit", "建设单位", true, |camera| camera.construction_unit.clone()),
    field("maintenance_unit", "维护单位", true, |camera| camera.maintenance_unit.clone()),
    field("contact", "联系方式", true, |camera| camera.contact.clone()),
    field("area", "区域", false, |camera| camera.area.as_ref().map(ToString::to_string).unwrap_or_default()),
    field("owner", "权属单位", false, |camera| camera.owner.as_ref().map(ToString::to_string).unwrap_or_default()),
    field("retention_class", "保存类别", false, |camera| camera.retention_class.text().into()),
    field("security_level", "安全级别", false, |camera| camera.security_level.number().to_string()),
];

/// Whether a field holds an address, which the keeper of the catalogue alone is shown.
pub fn is_address(field: &Field) -> bool {
    matches!(field.name, "source" | "sub_source")
}

/// Digits of a code by GB/T 28181.
const GB_CODE_DIGITS: usize = 20;

/// True where the camera's id is such a code.
pub fn has_gb_code(camera: &Camera) -> bool {
    let id = camera.id.as_str();
    id.len() == GB_CODE_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Each field that two records differ in, with both texts.
pub fn differences<'a>(
    before: &'a Camera,
    after: &'a Camera,
) -> impl Iterator<Item = (&'static Field, String, String)> + 'a {
    let both = move |field: &'static Field| (field, (field.text)(before), (field.text)(after));
    FIELDS.iter().map(both).filter(|(_, before, after)| before != after)
}
