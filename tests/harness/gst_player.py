#!/usr/bin/env python3
"""A player that is not ours: GStreamer's rtspsrc, decoding.

usage: gst_player.py URL h264|h265 PICTURES

Plays by TCP and ends with 0 once so many pictures are decoded; says what went wrong and ends with 1 where that does not come
to pass. gst-launch would do, did it not link pads by luck on a busy machine and complain of connections that it closed itself.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

DECODERS = {
    "h264": "rtph264depay ! h264parse ! avdec_h264",
    "h265": "rtph265depay ! h265parse ! avdec_h265",
}
PATIENCE_SECONDS = 60


def main():
    url, kind, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Gst.init(None)
    loop, outcome, pictures = GLib.MainLoop(), [], [0]

    def end(what):
        if not outcome:
            outcome.append(what)
            GLib.idle_add(loop.quit)

    def decoded(*_):
        pictures[0] += 1
        if pictures[0] == wanted:
            end("")
        return Gst.PadProbeReturn.OK

    def pad_added(_, pad):
        video = pad.get_current_caps().get_structure(0).get_string("media") == "video"
        chain = f"{DECODERS[kind]} ! fakesink name=last sync=false" if video else "fakesink name=last sync=false"
        part = Gst.parse_bin_from_description(chain, True)
        if video:
            part.get_by_name("last").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, decoded)
        pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def message(_, said):
        if said.type == Gst.MessageType.ERROR:
            error, details = said.parse_error()
            end(f"{error.message}: {details}")
        elif said.type == Gst.MessageType.EOS:
            end(f"the stream ended after {pictures[0]} pictures")

    pipeline = Gst.Pipeline.new()
    source = Gst.ElementFactory.make("rtspsrc")
    source.set_property("location", url)
    source.set_property("protocols", 4)  # TCP
    source.set_property("latency", 0)
    source.connect("pad-added", pad_added)
    pipeline.add(source)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", message)
    GLib.timeout_add_seconds(PATIENCE_SECONDS, lambda: end(f"only {pictures[0]} pictures in {PATIENCE_SECONDS} s"))
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if outcome[0]:
        print(outcome[0], file=sys.stderr)
    sys.exit(1 if outcome[0] else 0)


main()
