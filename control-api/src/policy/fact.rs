//! The yes-or-no facts that policies look at, packed into one word. Each is worded so that `true` is in order; what nobody looked
//! up is `false`, so that what is not known is refused.

/// A set of facts that hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FactSet(u64);

macro_rules! facts {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal;)*) => {
        /// One fact.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fact {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Fact {
            /// All facts, in the order of the rules.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in policies and on the ledger.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

facts! {
    /// The ledger can be written.
    AuditAvailable "audit_available";
    /// The clock is synchronised and has not stepped back.
    ClockTrusted "clock_trusted";
    /// The address lies in a registered zone.
    InNetworkZone "in_network_zone";
    /// The terminal is registered, or the site does not ask for that.
    TerminalRegistered "terminal_registered";
    /// The grant, where it names terminals, names this one.
    TerminalFits "terminal_fits";
    /// Somebody is signed in.
    SignedIn "signed_in";
    /// The sign-in is as strong as the account wants.
    SecondFactor "second_factor";
    /// The account is not locked.
    Unlocked "unlocked";
    /// The sign-in is not idle.
    Awake "awake";
    /// The password is their own and not too old.
    PasswordFresh "password_fresh";
    /// The account is not switched off.
    Enabled "enabled";
    /// The user application has been approved.
    Approved "approved";
    /// The unit is registered.
    UnitRegistered "unit_registered";
    /// The unit's use is not suspended.
    UnitInUse "unit_in_use";
    /// The unit has named its first responsible person.
    PrincipalNamed "principal_named";
    /// The unit has signed the statement in force.
    StatementSigned "statement_signed";
    /// The person has signed the staff statement in force.
    StaffStatementSigned "staff_statement_signed";
    /// The person's training holds.
    Trained "trained";
    /// One of their roles sees video.
    MayView "may_view";
    /// The camera is known, and within the unit's jurisdiction.
    CameraKnown "camera_known";
    /// A grant covers it for this person.
    Granted "granted";
    /// The grant's time has come.
    GrantBegun "grant_begun";
    /// The grant's time is not over.
    GrantUnexpired "grant_unexpired";
    /// The grant was not taken away.
    GrantUnrevoked "grant_unrevoked";
    /// The grant is not suspended.
    GrantUnsuspended "grant_unsuspended";
    /// The grant names what is asked.
    VerbGranted "verb_granted";
    /// A purpose was given.
    PurposeGiven "purpose_given";
    /// A reason was given.
    ReasonGiven "reason_given";
    /// The purpose is of the unit's duties and of the grant.
    PurposeInDuties "purpose_in_duties";
    /// The purpose has not lapsed.
    PurposeInForce "purpose_in_force";
    /// The presentation is no larger than the purpose allows.
    ProfileFitsPurpose "profile_fits_purpose";
    /// The place lies within the areas of the unit's duty.
    InJurisdiction "in_jurisdiction";
    /// The grant reaches up to the camera's security level.
    Cleared "cleared";
    /// The grant's hours are open.
    WithinHours "within_hours";
    /// The person is on duty, or the grant does not ask for that.
    OnDuty "on_duty";
    /// The stretch lies no further back than the grant reaches.
    WithinDepth "within_depth";
    /// The stretch has not been deleted as due.
    RecordingKept "recording_kept";
    /// Copies can carry a mark.
    CarriesMark "carries_mark";
    /// A place is free under the grant.
    PlaceUnderGrant "place_under_grant";
    /// A place is free for the person.
    PlaceForUser "place_for_user";
    /// Network and machine can carry it.
    Room "room";
    /// It is not asked for under an emergency.
    Ordinary "ordinary";
    /// The emergency, if any, is in force and covers the camera.
    WithinEmergency "within_emergency";
    /// No emergency of the unit waits for its review past the time, or none is claimed.
    EmergenciesReviewed "emergencies_reviewed";
    /// The step is by another person than the steps before.
    SecondPerson "second_person";
    /// It is not for the media, or its release is approved.
    ReleaseApproved "release_approved";
    /// It is not for the media, or redacted.
    Redacted "redacted";
    /// Viewing is not suspended for unusual use.
    Unsuspicious "unsuspicious";
    /// It asks for the camera's picture of this moment.
    OfNow "of_now";
    /// The relay has the camera's picture.
    CameraOnline "camera_online";
}

/// One word holds them all.
const _: () = assert!(Fact::ALL.len() <= 64, "FactSet is one word");

impl FactSet {
    /// Every fact.
    pub const ALL: Self = Self(u64::MAX >> (64 - Fact::ALL.len()));

    /// With `fact` as `holds` says.
    #[must_use]
    pub const fn with(self, fact: Fact, holds: bool) -> Self {
        let bit = 1 << fact as u32;
        Self(if holds { self.0 | bit } else { self.0 & !bit })
    }

    /// Whether `fact` holds.
    pub const fn holds(self, fact: Fact) -> bool {
        self.0 & (1 << fact as u32) != 0
    }

    /// The names of those that do not hold, in the order of the rules: what a decision's record keeps of the set.
    pub fn lacking(self) -> Vec<&'static str> {
        Fact::ALL.iter().filter(|fact| !self.holds(**fact)).map(|fact| fact.name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_set_and_cleared_alone() {
        let set = FactSet::ALL.with(Fact::Trained, false);
        assert_eq!(set.lacking(), ["trained"]);
        assert!(!set.holds(Fact::Trained) && set.holds(Fact::MayView));
        assert_eq!(set.with(Fact::Trained, true), FactSet::ALL);
        assert_eq!(FactSet::default().lacking().len(), Fact::ALL.len());
    }
}
