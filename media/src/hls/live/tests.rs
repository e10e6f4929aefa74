//! The window slides and stays bounded, the playlist says what the draft asks for, a delta update completes the one before it.

use super::*;

fn map(number: u64) -> Arc<Map> {
    Arc::new(Map { number, bytes: Bytes::from_static(b"init"), tracks: Vec::new() })
}

fn part(at_ms: i64, independent: bool) -> Part {
    let start = Wall::from_micros(1_764_000_000_000_000 + at_ms * 1_000);
    Part { bytes: Bytes::from_static(&[0; 100]), start, duration_micros: 200_000, independent }
}

/// So many parts of 200 ms, a keyframe every second.
fn filled(parts: i64) -> Window {
    let (mut window, map) = (Window::default(), map(0));
    for n in 0..parts {
        window.push(part(n * 200, n % 5 == 0), &map, false, WINDOW_BYTES_MAX);
    }
    window
}

/// The segments of a playlist that skipped, completed from the one that was there before, as a player does.
fn applied(before: &str, delta: &str) -> String {
    let uris = |text: &str| text.lines().filter(|l| l.starts_with("seg-")).map(str::to_owned).collect::<Vec<_>>();
    let said = |tag: &str| delta.lines().find_map(|l| l.strip_prefix(tag)?.parse::<u64>().ok());
    let (first, skipped) =
        (said("#EXT-X-MEDIA-SEQUENCE:").unwrap(), said("#EXT-X-SKIP:SKIPPED-SEGMENTS=").unwrap_or(0));
    let old = uris(before).into_iter().filter(|uri| {
        let number: u64 = uri[4..uri.len() - 4].parse().unwrap();
        (first..first + skipped).contains(&number)
    });
    old.chain(uris(delta)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_window_begins_with_its_parts_and_a_hint() {
    let window = filled(3);
    let expected = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.99000,CAN-SKIP-UNTIL=24.0\n\
        #EXT-X-PART-INF:PART-TARGET=0.33000\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-MAP:URI=\"init-0.mp4\"\n\
        #EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:00.000Z\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"part-0.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"part-0.1.m4s\"\n#EXT-X-PART:DURATION=0.20000,URI=\"part-0.2.m4s\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-0.3.m4s\"\n";
    assert_eq!(window.playlist(false), expected);
    assert!(window.has(0, Some(2)) && !window.has(0, Some(3)) && !window.has(0, None));
}

#[test]
fn segments_end_at_keyframes_and_never_grow_past_the_target() {
    let window = filled(100);
    assert!(window.segments.iter().all(|segment| segment.parts[0].independent));
    assert!(window.segments.iter().all(|segment| segment.duration_micros() <= TARGET_SECONDS * 1_000_000));
    let (mut endless, map) = (Window::default(), map(0));
    (0..101).for_each(|n| endless.push(part(n * 200, n == 0), &map, false, WINDOW_BYTES_MAX));
    assert!(endless.segments.iter().all(|segment| segment.duration_micros() <= TARGET_SECONDS * 1_000_000));
    assert!(endless.has(4, None) && endless.segment(4).is_some());
}

#[test]
fn the_window_slides_and_is_bounded() {
    let window = filled(10_000);
    let lasts: i64 = window.segments.iter().map(Segment::duration_micros).sum();
    assert!(lasts <= WINDOW_SECONDS * 1_000_000 && window.bytes() <= WINDOW_BYTES_MAX);
    assert!(window.segment(0).is_none() && window.segment(window.end().segment).is_some());
    let text = window.playlist(false);
    assert!(text.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{}\n", window.segments[0].number)));
    assert!(text.matches("#EXT-X-PART:").count() <= 80, "parts of the last segments alone");
    let (mut large, map) = (Window::default(), map(0));
    for n in 0..50 {
        large.push(Part { bytes: vec![0; 8 << 20].into(), ..part(n * 200, true) }, &map, false, WINDOW_BYTES_MAX);
    }
    assert!(large.bytes() <= 4 * WINDOW_BYTES_MAX, "{}", large.bytes());
}

#[test]
fn a_delta_update_completes_what_was_there() {
    let (mut window, map) = (filled(170), map(0));
    let before = window.playlist(false);
    window.push(part(170 * 200, true), &map, false, WINDOW_BYTES_MAX);
    let (whole, delta) = (window.playlist(false), window.playlist(true));
    assert!(delta.len() < whole.len() && delta.contains("#EXT-X-SKIP:"), "{delta}");
    assert_eq!(applied(&before, &delta), applied("", &whole));
    assert!(!filled(10).playlist(true).contains("EXT-X-SKIP"), "nothing is old enough");
}

#[test]
fn a_change_is_a_discontinuity_that_is_still_counted_when_it_is_gone() {
    let mut window = filled(10);
    window.push(part(2_000, true), &map(1), true, WINDOW_BYTES_MAX);
    let text = window.playlist(false);
    assert!(text.contains("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-1.mp4\"\n"), "{text}");
    assert_eq!(window.map(1).unwrap().number, 1);
    let again = map(1);
    (0..1_000).for_each(|n| window.push(part(2_200 + n * 200, n % 5 == 0), &again, false, WINDOW_BYTES_MAX));
    let later = window.playlist(false);
    assert!(later.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n") && !later.contains("#EXT-X-DISCONTINUITY\n"));
    assert!(window.map(0).is_none());
}

#[test]
fn a_window_in_the_place_of_another_one_counts_on_behind_it() {
    let before = filled(100);
    let (mut window, map) = (Window::beginning_at(1_000), map(1_000));
    assert_eq!(window.end(), Place { segment: 1_000, part: 0 });
    (0..10).for_each(|n| window.push(part(n * 200, n % 5 == 0), &map, n == 0, WINDOW_BYTES_MAX));
    let text = window.playlist(false);
    for line in ["EXT-X-MEDIA-SEQUENCE:1000", "EXT-X-DISCONTINUITY-SEQUENCE:1000", "EXT-X-MAP:URI=\"init-1000.mp4\""] {
        assert!(text.contains(&format!("#{line}\n")), "{line}: {text}");
    }
    assert!(!text.contains("#EXT-X-DISCONTINUITY\n"), "nothing is before its first segment: {text}");
    // What a player of the one before waits for is answered at once, by a playlist that is ahead of it.
    let end = before.end();
    assert!(window.has(end.segment, Some(end.part)) && window.has(end.segment, None));
    assert!(window.segment(end.segment).is_none());
}

/// The discontinuity sequence number of a segment, as a player counts it.
fn counted(playlist: &str, number: u64) -> u64 {
    let before = playlist.split(&format!("part-{number}.0.m4s\"")).next().unwrap();
    let said = before.lines().find_map(|line| line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:"));
    said.map_or(0, |n| n.parse::<u64>().unwrap())
        + before.lines().filter(|l| *l == "#EXT-X-DISCONTINUITY").count() as u64
}

#[test]
fn a_segment_keeps_its_discontinuity_sequence_while_the_window_slides_over_it() {
    let (mut window, maps) = (filled(5), [map(1), map(2)]);
    for (place, map) in maps.iter().enumerate() {
        // Too large for more than two segments, so that each change comes to the front.
        for n in 0..5 {
            let large = Part { bytes: vec![0; 8 << 20].into(), ..part(n * 200, n == 0) };
            window.push(large, map, n == 0, WINDOW_BYTES_MAX);
            assert_eq!(counted(&window.playlist(false), 1 + place as u64), 1 + place as u64);
        }
    }
    assert_eq!(window.segments[0].number, 1, "the first change is at the front");
}

#[test]
fn names_are_read_and_nothing_else() {
    assert_eq!(Name::parse("init-3.mp4"), Some(Name::Map(3)));
    assert_eq!(Name::parse("seg-12.m4s"), Some(Name::Segment(12)));
    assert_eq!(Name::parse("part-12.0.m4s"), Some(Name::Part(12, 0)));
    let others = ["", "seg-.m4s", "seg-01.m4s", "seg-1.mp4", "part-1.m4s", "part-1.-1.m4s", "../seg-1.m4s"];
    for other in others.into_iter().chain(["seg-99999999999999999999.m4s", "part-1.2.3.m4s"]) {
        assert_eq!(Name::parse(other), None, "{other}");
    }
}
