//! What a request's URI names: a presentation, or one of its tracks (`<presentation>/trackID=N`).

use rtsp_types::Url;

use super::transport::CHANNEL_TRACKS_MAX;
use crate::frame::TrackId;

/// Before a track's number, in URIs and in SDP's `a=control`.
pub(super) const TRACK_PREFIX: &str = "trackID=";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// The presentation's path, without a slash at its end.
    pub(super) path: String,
    pub(super) track: Option<TrackId>,
    /// Scheme, host and path of the presentation, without a slash at its end.
    pub(super) base: String,
}

impl Resource {
    /// None where the URI is `*` or names the server as a whole, or a track that no stream can have.
    pub(super) fn of(uri: Option<&Url>) -> Option<Self> {
        let uri = uri?;
        let path = uri.path().trim_end_matches('/');
        let (path, track) = match path.rsplit_once('/') {
            Some((presentation, last)) if last.starts_with(TRACK_PREFIX) => {
                let number = last.strip_prefix(TRACK_PREFIX)?.parse().ok()?;
                (presentation.trim_end_matches('/'), Some(TrackId(number)).filter(|t| t.0 < CHANNEL_TRACKS_MAX)?.into())
            }
            _ => (path, None),
        };
        if path.is_empty() {
            return None;
        }
        let host = uri.host_str()?;
        let base = match uri.port() {
            Some(port) => format!("{}://{host}:{port}{path}", uri.scheme()),
            None => format!("{}://{host}{path}", uri.scheme()),
        };
        Some(Self { path: path.to_owned(), track, base })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: &str) -> Option<Resource> {
        Resource::of(Some(&Url::parse(uri).unwrap()))
    }

    #[test]
    fn a_track_is_told_from_its_presentation() {
        let whole = of("rtsp://user:pw@h:8554/s/tok/?x=1#y").unwrap();
        assert_eq!((whole.path.as_str(), whole.track, whole.base.as_str()), ("/s/tok", None, "rtsp://h:8554/s/tok"));
        let track = of("rtsp://[::1]/s/tok/trackID=3").unwrap();
        assert_eq!((track.path.as_str(), track.track), ("/s/tok", Some(TrackId(3))));
        assert_eq!(track.base, "rtsp://[::1]/s/tok");
        assert_eq!(of("rtsp://h/s/tok//trackID=3").unwrap().path, "/s/tok");
    }

    #[test]
    fn the_server_itself_and_impossible_tracks_are_no_resource() {
        for uri in [
            "rtsp://h",
            "rtsp://h/",
            "rtsp://h/s/tok/trackID=",
            "rtsp://h/s/tok/trackID=256",
            "rtsp://h/s/t/trackID=128",
        ] {
            assert_eq!(of(uri), None, "{uri}");
        }
        assert_eq!(Resource::of(None), None);
    }
}
