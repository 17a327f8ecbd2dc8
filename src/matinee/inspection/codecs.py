"""Which codecs Matinee decodes, by FFmpeg's names: what films have been recorded, edited and shown in. Pure.

All that a container may hold is not listed: each decoder is a door, and some stand in libavcodec for one game.
"""

VIDEO_CODECS = (
    *("h264", "hevc", "vvc", "av1", "vp8", "vp9", "mpeg1video", "mpeg2video", "mpeg4", "h261", "h263", "theora"),
    # Windows' and the old web's.
    *("vc1", "wmv1", "wmv2", "wmv3", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "msvideo1", "msrle", "indeo3", "indeo4"),
    *("indeo5", "cinepak", "flv1", "flashsv", "flashsv2", "vp3", "vp6", "vp6a", "vp6f", "svq1", "svq3", "rpza", "smc"),
    *("8bps", "rv10", "rv20", "rv30", "rv40"),
    # Cameras', editors' and archives'.
    *("mjpeg", "mjpegb", "dvvideo", "prores", "dnxhd", "cfhd", "hap", "apv", "jpeg2000", "png", "qtrle", "huffyuv"),
    *("dirac", "ffvhuff", "ffv1", "utvideo", "lagarith", "rawvideo", "v210", "r210", "r10k", "yuv4"),
    # Of recorded screens.
    *("gif", "tscc", "cscd", "zmbv", "g2m", "mss1", "mss2"),
)
AUDIO_CODECS = (
    *("aac", "aac_latm", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "mlp", "opus", "vorbis", "speex", "flac"),
    *("alac", "wavpack", "tta", "wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice", "cook", "sipr", "nellymoser"),
    *("qdm2", "qdmc", "mace3", "mace6", "amr_nb", "amr_wb", "gsm", "gsm_ms", "truespeech"),
    *("pcm_s8", "pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be", "pcm_f32le"),
    *("pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd", "s302m"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha", "adpcm_g722", "adpcm_g726"),
)
# Decoders that read the codecs above under another name.
_DECODERS = (
    *("libdav1d", "flv", "msmpeg4", "camtasia", "camstudio"),
    *("mp1float", "mp2float", "mp3float", "dca", "amrnb", "amrwb", "g722", "g726"),
)
DECODERS = (*VIDEO_CODECS, *AUDIO_CODECS, *_DECODERS)
"""What libavformat and FFmpeg may open; a decoder's name is not always its codec's."""
