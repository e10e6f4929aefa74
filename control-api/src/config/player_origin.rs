//! Where a page comes from that may play what a viewing URL leads to.

use axum::http::HeaderValue;

/// Where a page comes from, or any page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// Reads `https://vms.example` or `*`; none for what is no origin, such as a URL with a path.
    pub fn parse(text: &str) -> Option<Self> {
        let is_origin = |text: &str| {
            let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.is_some_and(|url| url.origin().ascii_serialization() == text)
        };
        (text == "*" || is_origin(text)).then(|| HeaderValue::from_str(text).ok()).flatten().map(Self)
    }

    /// True for any page.
    pub(crate) fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// As browsers send it.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for good in ["*", "https://vms.example", "http://10.1.2.3:8080", "https://[::1]:444"] {
            assert!(Origin::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "vms.example",
            "https://vms.example/",
            "https://vms.example/a",
            "https://VMS.example",
            "ftp://a",
            "null",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }
}
