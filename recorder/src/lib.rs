//! Time on disk: segments, their index, retention and playback. Sockets and sessions are the relay's, which is not imported.
