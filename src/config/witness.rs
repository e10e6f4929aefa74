//! The keys of the witness outside. Both or neither: an address without a key would take anybody's word.

use std::time::Duration;

use control_api::ledger::cosignature::WitnessKey;
use control_api::witnessing::Settings;

use super::reader::Section;

/// A checkpoint an hour old is a tail of an hour that could be rewritten.
const EVERY_MAX: Duration = Duration::from_secs(3_600);
const EVERY_MIN: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(60);

pub(super) fn read(s: &mut Section<'_, '_>) -> Option<Settings> {
    let address = "an http or https address such as \"https://witness.example/sluice\"";
    let url = s.text_as("witness_url", address, |text| {
        text.parse().ok().filter(|url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host())
    });
    let vkey = "the witness's verifier key, NAME+HASH+BASE64 of a cosignature/v1 key";
    let key = s.text_as("witness_key", vkey, |text| text.parse::<WitnessKey>().ok());
    let every = s.duration("witness_every", EVERY, EVERY_MIN..=EVERY_MAX);
    match (url, key) {
        (Some(url), Some(key)) => Some(Settings { url, key, every }),
        (Some(_), None) => {
            s.refuse(
                "witness_url",
                "stands without ledger.witness_key",
                "give the key that the witness's operator hands out",
            );
            None
        }
        (None, Some(_)) => {
            s.refuse(
                "witness_key",
                "stands without ledger.witness_url",
                "give the address where the witness takes checkpoints",
            );
            None
        }
        (None, None) => None,
    }
}
