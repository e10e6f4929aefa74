#!/usr/bin/env python3
"""A camera that is not ours: GStreamer's RTSP server, serving MP4 clips.

usage: gst_camera.py [--port=N] NAME=CLIP.mp4[,VIDEO[,AUDIO]] ...      VIDEO h264|h265|jpeg, AUDIO aac|alaw|mulaw|none

Prints "ready PORT" once it listens (on a port of the kernel's choice unless told), ends when its standard input closes.
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

VIDEO = {
    "h264": "h264parse ! rtph264pay name=pay0 pt=96 config-interval=0",
    "jpeg": "jpegparse ! rtpjpegpay name=pay0 pt=26",
    "h265": "h265parse ! rtph265pay name=pay0 pt=96 config-interval=0",
}
AUDIO = {
    "aac": "aacparse ! rtpmp4gpay name=pay1 pt=97",
    "alaw": "rtppcmapay name=pay1 pt=8",
    "mulaw": "rtppcmupay name=pay1 pt=0",
}


def launch_line(spec):
    parts = spec.split(",")
    clip = parts[0]
    video = parts[1] if len(parts) > 1 else "h264"
    audio = parts[2] if len(parts) > 2 else "none"
    line = f'( filesrc location="{clip}" ! qtdemux name=d  d.video_0 ! queue ! {VIDEO[video]}'
    if audio != "none":
        line += f"  d.audio_0 ! queue ! {AUDIO[audio]}"
    return line + " )"


def main():
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    port = next((a[len("--port="):] for a in sys.argv if a.startswith("--port=")), "0")
    server.set_service(port)
    for argument in (a for a in sys.argv[1:] if not a.startswith("--")):
        name, spec = argument.split("=", 1)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(launch_line(spec))
        factory.set_shared(True)
        server.get_mount_points().add_factory("/" + name, factory)
    server.attach(None)
    print("ready", server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


main()
