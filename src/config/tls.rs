//! The section `[tls]`: a certificate from two files, or from an authority of the appliance's own; none of them, no TLS.

use std::time::Duration;

use super::reader::Section;
use crate::tls::{Settings, Source};

const SECOND: Duration = Duration::from_secs(1);

/// None where there is to be no TLS.
pub(super) fn read(s: &mut Section<'_, '_>) -> Option<Settings> {
    let (certificate, key) = (s.path_optional("certificate"), s.path_optional("key"));
    let private_ca = s.flag("private_ca", false);
    let names = s.hosts("names");
    let handshake_timeout = s.duration("handshake_timeout", 10 * SECOND, SECOND..=60 * SECOND);
    let handshakes_max = s.count("handshakes_max", 256, 4..=100_000);
    let source = match (certificate, key) {
        (Some(_), Some(_)) if private_ca => {
            s.refuse("private_ca", "stands beside tls.certificate", "give one of the two");
            return None;
        }
        (Some(certificate), Some(key)) => Source::Files { certificate, key },
        (None, None) if private_ca => Source::PrivateCa { names },
        (None, None) => return None,
        (Some(_), None) => {
            s.refuse("certificate", "stands without tls.key", "name the file of its private key");
            return None;
        }
        (None, Some(_)) => {
            s.refuse("key", "stands without tls.certificate", "name the file of its certificate");
            return None;
        }
    };
    Some(Settings { source, handshake_timeout, handshakes_max })
}
