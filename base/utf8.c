/* Table 3-7 of the Unicode standard: the well-formed byte sequences. */
#include "base/utf8.h"

static int is_tail(unsigned char byte) {
    return byte >= 0x80 && byte <= 0xbf;
}

/* second_ok - the second byte decides about overlong forms, surrogates and the end of the range. */
static int second_ok(unsigned char first, unsigned char second) {
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_tail(second);
    }
}

size_t sp_utf8_length(const char *text) {
    const unsigned char *byte = (const unsigned char *)text;
    size_t length;
    if (byte[0] < 0x80) {
        return byte[0] != 0;
    }
    if (byte[0] >= 0xc2 && byte[0] <= 0xdf) {
        length = 2;
    } else if (byte[0] >= 0xe0 && byte[0] <= 0xef) {
        length = 3;
    } else if (byte[0] >= 0xf0 && byte[0] <= 0xf4) {
        length = 4;
    } else {
        return 0;
    }
    if (!second_ok(byte[0], byte[1])) {
        return 0;
    }
    // A zero byte is no tail, so this stops at the end of the string.
    for (size_t i = 2; i < length; i++) {
        if (!is_tail(byte[i])) {
            return 0;
        }
    }
    return length;
}
