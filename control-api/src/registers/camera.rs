//! Cameras: the resource catalogue with its seven mandatory fields (J-4). Six are kept here; the seventh, device status, is
//! known to the relay alone. Credentials are another record that no answer is ever made from.

use std::fmt;

use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use url::Url;

use super::field::line;
use super::retention_class::{FormerClasses, RetentionClass};
use super::{Area, SecurityLevel, UnitId, UserId};
use crate::error::ApiError;
use crate::store::{Batch, CommitError, Store, StoreError, Versioned};

/// Longest source address.
pub const SOURCE_BYTES_MAX: usize = 1_024;

/// How the relay fetches a camera's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// RTP interleaved in the RTSP connection.
    #[default]
    Tcp,
    /// RTP in datagrams.
    Udp,
}

/// A camera's `rtsp://` address without credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(String);

impl Source {
    /// The address as text, safe to show.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True where both addresses lead to the same host and port.
    pub fn has_host_of(&self, other: &Self) -> bool {
        let place = |source: &Self| {
            Url::parse(&source.0).ok().map(|url| (url.host_str().map(str::to_owned), url.port().unwrap_or(RTSP_PORT)))
        };
        place(self).is_some() && place(self) == place(other)
    }
}

/// RFC 2326 section 3.2.
const RTSP_PORT: u16 = 554;

/// What a camera asks for. Kept apart from the catalogue; prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Splits `text` into an address and the credentials in it, or refuses it, naming `field`. The refusal never repeats the text.
pub fn source(field: &str, text: &str) -> Result<(Source, Option<Credentials>), ApiError> {
    let refused = || {
        ApiError::field(
            field,
            "须为 rtsp://主机[:端口]/路径,最长1024字节。",
            "Give rtsp://host[:port]/path, at most 1024 bytes.",
        )
    };
    let fits = text.len() <= SOURCE_BYTES_MAX && !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '#');
    if !fits {
        return Err(refused());
    }
    // The relay's own reader, so that what the register takes in can be pulled.
    let parsed = relay::ingest::Source::parse(text, None, relay::ingest::Transport::Tcp).map_err(|_| refused())?;
    let inside = parsed.credentials();
    let credentials =
        inside.map(|login| Credentials { username: login.user.clone(), password: login.password.clone() });
    Ok((Source(parsed.url().as_str().into()), credentials))
}

/// One camera of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Its id; a GB/T 28181 code where it has one.
    pub id: CameraId,
    /// Its name.
    pub name: String,
    /// Where the main stream is fetched.
    pub source: Source,
    /// Where the sub stream is fetched, if there is one. The same credentials serve both.
    pub sub_source: Option<Source>,
    /// How it is fetched.
    pub transport: Transport,
    /// 视频资源类别.
    pub resource_category: String,
    /// 位置名称.
    pub location_name: String,
    /// 摄像头类型.
    pub camera_type: String,
    /// 建设单位.
    pub construction_unit: String,
    /// 维护单位.
    pub maintenance_unit: String,
    /// 联系方式.
    pub contact: String,
    /// Where it stands in the tree of areas; the site's own area where nothing closer is said.
    pub area: Option<Area>,
    /// The registered unit that owns it and keeps it working (J-6), where known.
    pub owner: Option<UnitId>,
    /// How long its recordings are kept. Records of earlier versions have none and are ordinary.
    #[serde(default)]
    pub retention_class: RetentionClass,
    /// Who may see it is decided by this too. Records of earlier versions have none and are ordinary.
    #[serde(default)]
    pub security_level: SecurityLevel,
    /// The classes it was in before.
    #[serde(default, skip_serializing_if = "FormerClasses::is_empty")]
    pub former_classes: FormerClasses,
    /// True when credentials are kept for it. They are never shown.
    pub has_credentials: bool,
    /// Counts changes, from 1.
    pub version: u64,
    /// When it was enrolled.
    pub created_at: Wall,
    /// When it last changed.
    pub changed_at: Wall,
    /// Who changed it last.
    pub changed_by: UserId,
}

/// One line of a camera's history: the record as it was from this version on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraChange {
    /// The record after the change; for a removal, the last one.
    pub camera: Camera,
    /// When.
    pub at: Wall,
    /// Who.
    pub by: UserId,
    /// True where the camera left the catalogue.
    pub removed: bool,
}

/// What a client says of a camera, checked by [`CameraForm::checked`].
#[derive(Clone, Default)]
pub struct CameraForm {
    /// See [`Camera::id`]; made by the appliance where absent.
    pub id: Option<String>,
    /// See [`Camera::name`].
    pub name: String,
    /// See [`Camera::source`]; may carry credentials, which are taken out.
    pub source: String,
    /// See [`Camera::sub_source`].
    pub sub_source: Option<String>,
    /// See [`Camera::transport`].
    pub transport: Transport,
    /// 视频资源类别.
    pub resource_category: String,
    /// 位置名称.
    pub location_name: String,
    /// 摄像头类型.
    pub camera_type: String,
    /// 建设单位.
    pub construction_unit: String,
    /// 维护单位.
    pub maintenance_unit: String,
    /// 联系方式.
    pub contact: String,
    /// See [`Camera::area`].
    pub area: Option<String>,
    /// See [`Camera::owner`].
    pub owner: Option<String>,
    /// See [`Camera::retention_class`].
    pub retention_class: RetentionClass,
    /// See [`Camera::security_level`].
    pub security_level: SecurityLevel,
    /// What the camera asks for, where it is not in the address.
    pub username: Option<String>,
    /// See `username`.
    pub password: Option<String>,
}

/// Who enrols a camera, when, and the id it gets where none was given.
pub struct Enrolment {
    /// The id it gets where the form has none.
    pub fallback_id: CameraId,
    /// The area it stands in where the form has none.
    pub fallback_area: Area,
    /// When.
    pub at: Wall,
    /// Who.
    pub by: UserId,
}

impl CameraForm {
    /// The record and credentials it describes, or a refusal that names the first bad field.
    pub fn checked(self, enrolment: Enrolment) -> Result<(Camera, Option<Credentials>), ApiError> {
        let id = match self.id.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => camera_id(id)?,
            None => enrolment.fallback_id,
        };
        let (source, in_main) = source("source", self.source.trim())?;
        let sub = self.sub_source.as_deref().map(str::trim).filter(|s| !s.is_empty());
        let sub = sub.map(|text| self::source("sub_source", text)).transpose()?;
        let (sub_source, in_sub) = sub.map_or((None, None), |(source, inside)| (Some(source), inside));
        let stated = stated_credentials(self.username, self.password)?;
        let credentials = stated.or(in_main).or(in_sub);
        let camera = Camera {
            id,
            name: line("name", &self.name)?,
            source,
            sub_source,
            transport: self.transport,
            resource_category: line("resource_category", &self.resource_category)?,
            location_name: line("location_name", &self.location_name)?,
            camera_type: line("camera_type", &self.camera_type)?,
            construction_unit: line("construction_unit", &self.construction_unit)?,
            maintenance_unit: line("maintenance_unit", &self.maintenance_unit)?,
            contact: line("contact", &self.contact)?,
            area: Some(match self.area.as_deref().map(str::trim).filter(|a| !a.is_empty()) {
                Some(text) => area("area", text)?,
                None => enrolment.fallback_area,
            }),
            owner: self.owner.filter(|o| !o.trim().is_empty()).map(|o| owner(o.trim())).transpose()?,
            retention_class: self.retention_class,
            security_level: self.security_level,
            former_classes: FormerClasses::new(),
            has_credentials: credentials.is_some(),
            version: 1,
            created_at: enrolment.at,
            changed_at: enrolment.at,
            changed_by: enrolment.by,
        };
        Ok((camera, credentials))
    }
}

fn camera_id(text: &str) -> Result<CameraId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::field(
            "id",
            "1至64个字符,限字母、数字、_和-,以字母或数字开头。",
            "Use 1 to 64 characters of a-z A-Z 0-9 _ - and begin with a letter or digit.",
        )
    })
}

/// An area path, or a refusal naming `field`.
pub fn area(field: &str, text: &str) -> Result<Area, ApiError> {
    text.parse().map_err(|_| {
        ApiError::field(
            field,
            "1至8级名称,用/分隔,最长256字节。",
            "Use 1 to 8 names joined by '/', at most 256 bytes, none of them empty.",
        )
    })
}

fn owner(text: &str) -> Result<UnitId, ApiError> {
    text.parse().map_err(|_| ApiError::field("owner", "须为单位编号。", "Give a unit's id."))
}

/// Longest user name or password a camera may ask for.
const CREDENTIAL_BYTES_MAX: usize = 128;

/// Credentials stated as fields of their own, or `None` when neither is there.
pub fn stated_credentials(username: Option<String>, password: Option<String>) -> Result<Option<Credentials>, ApiError> {
    let filled = |text: Option<String>| text.filter(|t| !t.is_empty());
    let (username, password) = match (filled(username), filled(password)) {
        (None, None) => return Ok(None),
        (None, Some(_)) => {
            return Err(ApiError::field("username", "有口令时须填写用户名。", "A password needs a username."));
        }
        (Some(username), password) => (username, password.unwrap_or_default()),
    };
    let fits = |text: &str| text.len() <= CREDENTIAL_BYTES_MAX && !text.chars().any(char::is_control);
    for (field, text) in [("username", &username), ("password", &password)] {
        if !fits(text) {
            return Err(ApiError::field(
                field,
                "最长128字节,不得含控制字符。",
                "At most 128 bytes, no control characters.",
            ));
        }
    }
    Ok(Some(Credentials { username, password }))
}

/// All cameras.
pub const CAMERAS: &str = "camera/";

/// A camera's key.
pub fn key(id: &CameraId) -> String {
    format!("{CAMERAS}{id}")
}

/// The key of a camera's credentials, apart from the catalogue.
pub fn credentials_key(id: &CameraId) -> String {
    format!("camera-credentials/{id}")
}

/// The histories of all cameras, one after the other.
pub const HISTORIES: &str = "camera-history/";

/// The keys of a camera's history, in order of versions.
pub fn history(id: &CameraId) -> String {
    format!("{HISTORIES}{id}/")
}

/// The key of one line of a camera's history. Sorts by time.
pub fn history_key(id: &CameraId, at: Wall, version: u64) -> String {
    format!("{}{:020}-{version:010}", history(id), at.micros())
}

/// Adds to the batch what enrols a camera, unless its id is taken.
pub fn creation(batch: Batch, camera: &Camera, credentials: Option<&Credentials>) -> Result<Batch, CommitError> {
    let key = key(&camera.id);
    let batch = batch.expect_absent(key.as_str()).put_json(key, camera)?;
    let batch = match credentials {
        Some(_) => put_credentials(batch, &camera.id, credentials)?,
        None => batch,
    };
    put_history(batch, camera, false)
}

/// Adds to the batch what a camera asks for, or that it asks for nothing.
pub fn put_credentials(batch: Batch, id: &CameraId, credentials: Option<&Credentials>) -> Result<Batch, CommitError> {
    match credentials {
        Some(credentials) => batch.put_json(credentials_key(id), credentials),
        None => Ok(batch.delete(credentials_key(id))),
    }
}

/// Adds to the batch the line of history that `camera` is.
pub fn put_history(batch: Batch, camera: &Camera, removed: bool) -> Result<Batch, CommitError> {
    let (at, by) = (camera.changed_at, camera.changed_by.clone());
    let change = CameraChange { camera: camera.clone(), at, by, removed };
    batch.put_json(history_key(&camera.id, at, camera.version), &change)
}

/// One camera.
pub fn load(store: &Store, id: &CameraId) -> Result<Option<Versioned<Camera>>, StoreError> {
    store.get_json(&key(id))
}

/// What a camera asks for. For the relay alone.
pub fn load_credentials(store: &Store, id: &CameraId) -> Result<Option<Credentials>, StoreError> {
    Ok(store.get_json(&credentials_key(id))?.map(|row| row.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> CameraForm {
        CameraForm {
            name: "东街口".into(),
            source: "rtsp://admin:p%40ss@10.0.0.7/main".into(),
            resource_category: "治安".into(),
            location_name: "东街口".into(),
            camera_type: "球机".into(),
            construction_unit: "公安局".into(),
            maintenance_unit: "公安局".into(),
            contact: "0391-1".into(),
            ..CameraForm::default()
        }
    }

    fn enrolment() -> Enrolment {
        Enrolment {
            fallback_id: "cam-1".parse().unwrap(),
            fallback_area: "济源".parse().unwrap(),
            at: Wall::EPOCH,
            by: "u1".parse().unwrap(),
        }
    }

    #[test]
    fn credentials_leave_the_address_and_do_not_print() {
        let (camera, credentials) = form().checked(enrolment()).unwrap();
        assert_eq!(camera.source.as_str(), "rtsp://10.0.0.7/main");
        let credentials = credentials.unwrap();
        assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("admin", "p@ss"));
        assert!(!format!("{camera:?}{credentials:?}").contains("p@ss"));
        assert!(!serde_json::to_string(&camera).unwrap().contains("p@ss"));
    }

    #[test]
    fn a_record_of_an_earlier_version_is_ordinary() {
        let (camera, _) = form().checked(enrolment()).unwrap();
        let mut stored = serde_json::to_value(&camera).unwrap();
        for later in ["retention_class", "security_level"] {
            assert!(stored.as_object_mut().unwrap().remove(later).is_some());
        }
        assert_eq!(serde_json::from_value::<Camera>(stored).unwrap(), camera);
    }

    #[test]
    fn each_mandatory_field_is_missed_by_name() {
        type Clear = fn(&mut CameraForm);
        let cases: [(&str, Clear); 8] = [
            ("name", |f| f.name.clear()),
            ("source", |f| f.source.clear()),
            ("resource_category", |f| f.resource_category = " ".into()),
            ("location_name", |f| f.location_name.clear()),
            ("camera_type", |f| f.camera_type.clear()),
            ("construction_unit", |f| f.construction_unit.clear()),
            ("maintenance_unit", |f| f.maintenance_unit.clear()),
            ("contact", |f| f.contact = "x".repeat(121)),
        ];
        for (field, clear) in cases {
            let mut form = form();
            clear(&mut form);
            let error = form.checked(enrolment()).unwrap_err();
            assert_eq!(error.body("r", false).field.as_deref(), Some(field));
        }
    }

    #[test]
    fn addresses_that_are_not_rtsp_are_refused_without_being_repeated() {
        for bad in [
            "http://h/x",
            "file:///etc/passwd",
            "rtsp:///x",
            "rtsp://",
            "x",
            "rtsp://h/a b",
            "rtsp://h/#f",
            "rtsp://%ff:x@h/",
            "",
        ] {
            let error = source("source", bad).unwrap_err();
            let body = serde_json::to_string(&error.body("r", false)).unwrap();
            assert!(bad.is_empty() || !body.contains(bad) || bad == "x" || bad == "rtsp://", "{bad}: {body}");
        }
    }
}
