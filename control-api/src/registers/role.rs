//! The roles and the rule of which may be held together. What each may do stands with the route that asks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// One role. Separation of duty rests on these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 审批人: decides applications, emergencies, exports; never their own or their own unit's.
    BureauApprover,
    /// Keeps the catalogue; grants nothing.
    CatalogueAdmin,
    /// 系统管理员: configures, restarts, backs up; views no video, changes no policy, touches no audit.
    SystemAdmin,
    /// 安全管理员: policy, roles, zones, terminals; holds no other role.
    SecurityAdmin,
    /// 审计管理员: reads, verifies and exports the ledger; changes nothing.
    AuditAdmin,
    /// 主要负责人: endorses the unit's applications and exports.
    UnitPrincipal,
    /// Files forms, keeps staff and rota; approves nothing.
    UnitAdmin,
    /// 值守人员: live and playback within grant.
    Operator,
    /// Declares an emergency.
    IncidentCommander,
    /// Status and work orders of own cameras.
    OwnerMaintainer,
    /// Releases exports as the second person.
    ExportOfficer,
    /// Another platform or an analyser, with an API key.
    Service,
    /// Reads `/metrics`.
    MetricsReader,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 13] = [
        Self::BureauApprover,
        Self::CatalogueAdmin,
        Self::SystemAdmin,
        Self::SecurityAdmin,
        Self::AuditAdmin,
        Self::UnitPrincipal,
        Self::UnitAdmin,
        Self::Operator,
        Self::IncidentCommander,
        Self::OwnerMaintainer,
        Self::ExportOfficer,
        Self::Service,
        Self::MetricsReader,
    ];

    /// The three separated administrators (MLPS3): nobody holds two of them, and they sign in with two factors.
    pub const SEPARATED: [Self; 3] = [Self::SystemAdmin, Self::SecurityAdmin, Self::AuditAdmin];

    /// The role as it is written, for example `unit_admin`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BureauApprover => "bureau_approver",
            Self::CatalogueAdmin => "catalogue_admin",
            Self::SystemAdmin => "system_admin",
            Self::SecurityAdmin => "security_admin",
            Self::AuditAdmin => "audit_admin",
            Self::UnitPrincipal => "unit_principal",
            Self::UnitAdmin => "unit_admin",
            Self::Operator => "operator",
            Self::IncidentCommander => "incident_commander",
            Self::OwnerMaintainer => "owner_maintainer",
            Self::ExportOfficer => "export_officer",
            Self::Service => "service",
            Self::MetricsReader => "metrics_reader",
        }
    }

    /// True for the roles without which the appliance cannot be run lawfully: their last holder cannot be removed.
    pub const fn is_indispensable(self) -> bool {
        matches!(
            self,
            Self::BureauApprover | Self::CatalogueAdmin | Self::SystemAdmin | Self::SecurityAdmin | Self::AuditAdmin
        )
    }

    /// True for the roles that see video under a grant. The three separated administrators never do.
    pub const fn may_view(self) -> bool {
        matches!(self, Self::Operator | Self::IncidentCommander | Self::Service)
    }

    /// True for the roles that only a member of the Bureau's unit may hold.
    pub const fn is_bureau(self) -> bool {
        self.is_indispensable()
    }
}

/// The roles of one user: at least one, none twice, and only such as may be held together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Vec<Role>", into = "Vec<Role>")]
#[schema(value_type = Vec<Role>, min_items = 1)]
pub struct Roles(BTreeSet<Role>);

/// Why a set of roles cannot be held by one person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoles {
    /// No role at all.
    #[error("a user holds at least one role")]
    None,
    /// A separated administrator with another role.
    #[error("{} is held alone", .0.text())]
    HeldAlone(Role),
    /// Filing or endorsing together with deciding.
    #[error("{} cannot be held with {}: who applies does not decide", .0.text(), .1.text())]
    Apart(Role, Role),
}

/// Held alone: the three separated administrators, and the two that are no persons.
const ALONE: [Role; 5] = [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin, Role::Service, Role::MetricsReader];
/// Never in one hand: requester and approver, requester and releaser, keeper of the catalogue and granter.
const APART: [(Role, Role); 6] = [
    (Role::BureauApprover, Role::CatalogueAdmin),
    (Role::BureauApprover, Role::UnitAdmin),
    (Role::BureauApprover, Role::UnitPrincipal),
    (Role::BureauApprover, Role::ExportOfficer),
    (Role::UnitAdmin, Role::UnitPrincipal),
    (Role::UnitAdmin, Role::ExportOfficer),
];

impl Roles {
    /// True when `role` is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// True when any of `roles` is among them.
    pub fn has_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|&role| self.has(role))
    }

    /// The roles, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }
}

impl TryFrom<Vec<Role>> for Roles {
    type Error = BadRoles;
    fn try_from(given: Vec<Role>) -> Result<Self, BadRoles> {
        let roles = Self(given.into_iter().collect());
        if roles.0.is_empty() {
            return Err(BadRoles::None);
        }
        if let Some(role) = ALONE.into_iter().find(|&role| roles.has(role) && roles.0.len() > 1) {
            return Err(BadRoles::HeldAlone(role));
        }
        match APART.into_iter().find(|&(a, b)| roles.has(a) && roles.has(b)) {
            Some((a, b)) => Err(BadRoles::Apart(a, b)),
            None => Ok(roles),
        }
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separated_administrators_hold_no_other_role() {
        for alone in ALONE {
            assert!(Roles::try_from(vec![alone]).is_ok());
            for other in Role::ALL.into_iter().filter(|&role| role != alone) {
                assert!(Roles::try_from(vec![alone, other]).is_err(), "{alone:?} {other:?}");
            }
        }
        assert_eq!(Roles::try_from(vec![]), Err(BadRoles::None));
        assert!(Roles::try_from(vec![Role::UnitAdmin, Role::Operator]).is_ok());
        assert!(Roles::try_from(vec![Role::UnitAdmin, Role::UnitPrincipal]).is_err());
    }

    #[test]
    fn roles_are_written_as_they_are_named() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.text());
        }
    }
}
