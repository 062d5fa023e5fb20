/* Formats in words, and the endings of files. */
#include <ctype.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/impl.h"

/* "flac", as libsndfile knows it, but for the two that nobody calls so. */
static const char *ending_of(int format) {
    SF_FORMAT_INFO info = {.format = format & SF_FORMAT_TYPEMASK};
    const bool known = sf_command(NULL, SFC_GET_FORMAT_INFO, &info, sizeof info) == 0;
    return info.format == SF_FORMAT_OGG         ? "ogg"
           : info.format == SF_FORMAT_MPEG      ? "mp3"
           : known && info.extension != NULL    ? info.extension
           : (format & SF_FORMAT_TYPEMASK) == 0 ? ""
                                                : "raw";
}

/* Encodings that are not called by their bits alone. */
static const char *encoding_of(int format) {
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_ULAW:
        return "mu-law";
    case SF_FORMAT_ALAW:
        return "A-law";
    case SF_FORMAT_IMA_ADPCM:
        return "IMA ADPCM";
    case SF_FORMAT_MS_ADPCM:
        return "MS ADPCM";
    case SF_FORMAT_VOX_ADPCM:
        return "VOX ADPCM";
    case SF_FORMAT_NMS_ADPCM_16:
    case SF_FORMAT_NMS_ADPCM_24:
    case SF_FORMAT_NMS_ADPCM_32:
        return "NMS ADPCM";
    case SF_FORMAT_GSM610:
        return "GSM 6.10";
    case SF_FORMAT_G721_32:
    case SF_FORMAT_G723_24:
    case SF_FORMAT_G723_40:
        return "G.72x ADPCM";
    case SF_FORMAT_VORBIS:
        return "Vorbis";
    case SF_FORMAT_OPUS:
        return "Opus";
    default:
        return NULL;
    }
}

static bool is_coded(const sp_clip *clip) {
    return clip->coding != SP_CLIP_ADAPTIVE && clip->coding != SP_CLIP_REAL;
}

void sp_clip_coding_name(char *text, size_t size, const sp_clip *clip) {
    const char *encoding = is_coded(clip) ? encoding_of(clip->format) : NULL;
    if (encoding != NULL) {
        snprintf(text, size, "%s", encoding);
    } else if (clip->bits > 0) {
        snprintf(text, size, "%d-bit", clip->bits);
    } else {
        snprintf(text, size, "%s float", clip->coding == SP_CLIP_SINGLE ? "32-bit" : "64-bit");
    }
}

/* Plain WAV holds integers of 16, 24 or 32 bits, or doubles. */
static void wav_name(char *text, size_t size, const sp_clip *clip) {
    const int bits = clip->bits <= 16 ? 16 : clip->bits <= 24 ? 24 : 32;
    if (clip->lsb > 0.0) {
        snprintf(text, size, "%d-bit WAV", bits);
    } else {
        snprintf(text, size, "64-bit float WAV");
    }
}

void sp_clip_form_name(char *text, size_t size, const sp_clip *clip, sp_clip_form form) {
    char coding[32], container[16];
    if (clip->width > 0) {
        snprintf(text, size, "npy");
        return;
    }
    if (form == SP_CLIP_WAV) {
        wav_name(text, size, clip);
        return;
    }
    const char *encoding = encoding_of(clip->format);
    snprintf(container, sizeof container, "%s", ending_of(clip->format));
    for (char *c = container; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    sp_clip_coding_name(coding, sizeof coding, clip);
    if (strcmp(container, "MP3") == 0) {
        snprintf(text, size, "%s", container);
    } else {
        snprintf(text, size, "%s %s", encoding != NULL ? encoding : coding, container);
    }
}

char *sp_clip_form_place(const char *path, const sp_clip *clip, sp_clip_form form) {
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    const bool bare = dot == NULL || dot == name;
    const bool wav = !bare && strcasecmp(dot, ".wav") == 0;
    const char *ending = clip->width > 0       ? (bare || strcmp(dot, ".npy") != 0 ? "npy" : "")
                         : form == SP_CLIP_OWN ? (bare ? ending_of(clip->format) : "")
                         : wav                 ? ""
                                               : "wav";
    const size_t size = strlen(path) + strlen(ending) + 2;
    char *place = malloc(size);
    if (place != NULL) {
        snprintf(place, size, "%s%s%s", path, ending[0] != '\0' ? "." : "", ending);
    }
    return place;
}
