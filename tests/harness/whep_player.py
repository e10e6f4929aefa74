#!/usr/bin/env python3
"""WHEP players that are not ours, decoding: aiortc, or GStreamer's webrtcbin.

usage: whep_player.py aiortc|gst URL PICTURES [FILE]

Makes the offer itself, posts it to URL, and prints a line once so many pictures are decoded: `pictures N first_ms M` with
the time from the offer's post to the first one. GStreamer writes the H.264 that it received to FILE. Then it goes on until the
session is over, and prints `over MILLISECONDS` with the time of day of the last packet. Ends with 1, and says why, where the
pictures do not come.
"""
import asyncio
import re
import sys
import time
import urllib.error
import urllib.request

PATIENCE_SECONDS = 60


def post(url, sdp):
    request = urllib.request.Request(url, sdp.encode(), {"content-type": "application/sdp"}, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refusal:
        fail(f"{refusal.code}: {refusal.read().decode()}")


def fail(why):
    print(why, file=sys.stderr, flush=True)
    sys.exit(1)


def tell(pictures, first_ms):
    print(f"pictures {pictures} first_ms {first_ms:.0f}", flush=True)


def over(last):
    print(f"over {last * 1000:.0f}", flush=True)
    sys.exit(0)


async def aiortc_player(url, wanted):
    from aiortc import RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamError

    peer = RTCPeerConnection()
    peer.addTransceiver("video", direction="recvonly")
    last, words, began = [0.0], [], [0.0]
    channel = peer.createDataChannel("sluice")
    channel.on("message", lambda word: (words.append(word), print(f"word {word}", flush=True)))
    done = asyncio.Event()

    async def take(track):
        pictures, first = 0, None
        try:
            while True:
                await track.recv()
                last[0] = time.time()
                first = first or (time.monotonic() - began[0]) * 1000
                pictures += 1
                if pictures == wanted:
                    tell(pictures, first)
        except MediaStreamError:
            done.set()

    @peer.on("track")
    def on_track(track):
        if track.kind == "video":
            asyncio.ensure_future(take(track))

    await peer.setLocalDescription(await peer.createOffer())
    began[0] = time.monotonic()
    loop = asyncio.get_running_loop()
    # It offers the baseline profile alone and decodes every one, by FFmpeg.
    offer = peer.localDescription.sdp.replace("42e01f", "640028")
    answer = (await loop.run_in_executor(None, post, url, offer)).replace("640028", "42e01f")
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    try:
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)
    except asyncio.TimeoutError:
        fail("the session did not end, or never began")
    await peer.close()
    over(last[0])


def certificate():
    """An ECDSA certificate: the RSA one that GStreamer makes for itself is none that a WebRTC peer must take (RFC 8827)."""
    import subprocess

    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=player"
    made = subprocess.run([*command.split(), "-keyout", "-", "-out", "-"], capture_output=True, check=True)
    return made.stdout.decode()


def fingerprint(pem):
    import hashlib
    import ssl

    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERT") :])
    return ":".join(f"{b:02X}" for b in hashlib.sha256(der).digest())


def gst_player(url, wanted, file):
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstWebRTC", "1.0")
    gi.require_version("GstSdp", "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC

    Gst.init(None)
    loop, outcome, pictures, last, began = GLib.MainLoop(), [], [0], [0.0], [0.0]
    pipeline = Gst.Pipeline.new()
    peer = Gst.ElementFactory.make("webrtcbin")
    if peer is None:
        fail("no webrtcbin here")
    peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
    peer.set_property("latency", 0)
    pem = certificate()

    def own_certificate(_bin, _in, element):
        if element.get_factory() and element.get_factory().get_name() == "dtlsdec":
            element.set_property("pem", pem)

    peer.connect("deep-element-added", own_certificate)
    pipeline.add(peer)
    caps = "application/x-rtp,media=video,encoding-name=H264,payload=97,clock-rate=90000,packetization-mode=(string)1"
    caps += ",profile-level-id=(string)640028"
    first_ms = [None]

    def end(what):
        if not outcome:
            outcome.append(what)
            GLib.idle_add(loop.quit)

    def decoded(*_):
        pictures[0] += 1
        first_ms[0] = first_ms[0] or (time.monotonic() - began[0]) * 1000
        if pictures[0] == wanted:
            tell(wanted, first_ms[0])
        return Gst.PadProbeReturn.OK

    def packet(*_):
        last[0] = time.time()
        return Gst.PadProbeReturn.OK

    def pad_added(_, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        pad.add_probe(Gst.PadProbeType.BUFFER, packet)
        save = f"t. ! queue ! h264parse ! video/x-h264,stream-format=byte-stream ! filesink sync=false buffer-mode=2 location={file}"
        chain = f"rtph264depay ! tee name=t t. ! queue ! avdec_h264 ! fakesink name=last sync=false {save if file else ''}"
        part = Gst.parse_bin_from_description(chain, True)
        part.get_by_name("last").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, decoded)
        pipeline.add(part)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def gathered(*_):
        if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        began[0] = time.monotonic()
        offer = peer.get_property("local-description").sdp.as_text()
        text = post(url, re.sub("(?<=a=fingerprint:sha-256 )[0-9A-F:]+", fingerprint(pem), offer))
        _, message = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        peer.emit("set-remote-description", answer, Gst.Promise.new())

    def offered(promise, *_):
        promise.wait()
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        _, message = GstSdp.SDPMessage.new_from_text(offer.sdp.as_text())
        peer.emit(
            "set-local-description",
            GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, message),
            Gst.Promise.new(),
        )

    def state(*_):
        now = peer.get_property("connection-state")
        if now in (GstWebRTC.WebRTCPeerConnectionState.CLOSED, GstWebRTC.WebRTCPeerConnectionState.FAILED):
            end("")

    def look():
        # webrtcbin does not always tell of the other side's goodbye.
        if last[0] and time.time() - last[0] > 2:
            end("")
        return True

    peer.connect("notify::ice-gathering-state", gathered)
    peer.connect("notify::connection-state", state)
    peer.connect("pad-added", pad_added)
    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message::error", lambda _, said: end(": ".join(map(str, said.parse_error()))))
    GLib.timeout_add(100, look)
    GLib.timeout_add_seconds(PATIENCE_SECONDS, lambda: end(f"not over after {PATIENCE_SECONDS} s"))
    pipeline.set_state(Gst.State.READY)
    peer.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
    pipeline.set_state(Gst.State.PLAYING)
    peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))
    loop.run()
    pipeline.set_state(Gst.State.NULL)
    if outcome[0] or pictures[0] < wanted:
        fail(outcome[0] or f"only {pictures[0]} pictures")
    over(last[0])


def main():
    kind, url, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if kind == "aiortc":
        asyncio.run(aiortc_player(url, wanted))
    else:
        gst_player(url, wanted, sys.argv[4] if len(sys.argv) > 4 else "")


main()
