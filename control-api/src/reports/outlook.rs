//! When each volume is full, and when it is in danger of a floor, as it is foreseen at this moment.

use super::{Asked, Cell, Part, Report, Words, column, unreadable};
use crate::error::ApiError;
use crate::registers::Role;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "outlook",
    title: Words { zh: "存储展望", en: "Storage outlook" },
    articles: &["O-17", "AT-32"],
    columns: &[
        column("volume", "存储卷"),
        column("state", "状态"),
        column("capacity_bytes", "容量字节"),
        column("free_bytes", "可用字节"),
        column("protected_bytes", "受保护字节"),
        column("bytes_per_second", "每秒写入字节"),
        column("full_seconds", "距写满秒数"),
        column("floor_danger_seconds", "距法定期限受威胁秒数"),
        column("ordinary_danger_seconds", "距普通类期限受威胁秒数"),
        column("key_target_danger_seconds", "距重点目标类期限受威胁秒数"),
        column("voluntary_danger_seconds", "距自愿类停录秒数"),
    ],
    takes: &[],
    // Who runs the machine adds the disks.
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::SystemAdmin],
    own_unit: &[],
    read,
};

fn read(asked: &Asked, _: Option<&str>, _: usize) -> Result<Part, ApiError> {
    let volumes = asked.deps.retention.outlook().map_err(|error| unreadable(&error))?;
    let row = |volume: crate::ports::VolumeOutlook| {
        vec![
            Cell::Text(volume.volume),
            Cell::Text(volume.state),
            Cell::Count(volume.capacity_bytes),
            Cell::Count(volume.free_bytes),
            Cell::Count(volume.protected_bytes),
            Cell::Count(volume.bytes_per_second),
            volume.full_seconds.map_or(Cell::Empty, Cell::Count),
            volume.floor_danger_seconds.map_or(Cell::Empty, Cell::Count),
            volume.ordinary_danger_seconds.map_or(Cell::Empty, Cell::Count),
            volume.key_target_danger_seconds.map_or(Cell::Empty, Cell::Count),
            volume.voluntary_danger_seconds.map_or(Cell::Empty, Cell::Count),
        ]
    };
    Ok(Part::last(volumes.into_iter().map(row).collect()))
}
