/* As much MessagePack as a host needs: where an event ends, and events of lines as Fluent Bit's tail makes them. */
#include "host.h"

#include <stdlib.h>
#include <string.h>

static uint64_t number(const unsigned char *at, size_t width)
{
    uint64_t value = 0;
    while (width--)
        value = value << 8 | *at++;
    return value;
}

/* The length of the first value; 0 when it isn't whole. */
size_t msgpack_skip(const char *data, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)data;
    uint64_t at = 0, pending = 1;
    while (pending > 0) {
        if (at >= len)
            return 0;
        unsigned char marker = bytes[at];
        uint64_t width = 0, payload = 0, members = 0, each = 0, extra = 0;
        if (marker <= 0x7f || marker >= 0xe0 || marker == 0xc0 || marker == 0xc2 || marker == 0xc3)
            ;
        else if (marker <= 0x8f)
            members = (uint64_t)(marker & 0x0f) * 2;
        else if (marker <= 0x9f)
            members = marker & 0x0f;
        else if (marker <= 0xbf)
            payload = marker & 0x1f;
        else if (marker <= 0xc6)
            width = 1u << (marker - 0xc4);
        else if (marker <= 0xc9)
            width = 1u << (marker - 0xc7), extra = 1;
        else if (marker <= 0xcb)
            payload = marker == 0xca ? 4 : 8;
        else if (marker <= 0xcf)
            payload = 1u << (marker - 0xcc);
        else if (marker <= 0xd3)
            payload = 1u << (marker - 0xd0);
        else if (marker <= 0xd8)
            payload = 1 + (1u << (marker - 0xd4));
        else if (marker <= 0xdb)
            width = 1u << (marker - 0xd9);
        else
            width = marker & 1 ? 4 : 2, each = marker >= 0xde ? 2 : 1;
        if (len - at < 1 + width)
            return 0;
        uint64_t length = number(bytes + at + 1, width);
        if (each)
            members = length * each;
        else if (width)
            payload = length + extra;
        if (len - at - 1 - width < payload)
            return 0;
        at += 1 + width + payload;
        pending += members - 1;
    }
    return at;
}

/* The length of the whole events at the start, and how many they are. */
size_t msgpack_events(const char *data, size_t len, size_t *records)
{
    size_t at = 0, one;
    *records = 0;
    while (at < len && (one = msgpack_skip(data + at, len - at)) > 0) {
        at += one;
        ++*records;
    }
    return at;
}

static char *put(char *out, uint64_t value, size_t width)
{
    while (width--)
        *out++ = (char)(value >> 8 * width);
    return out;
}

static char *put_text(char *out, const char *text, size_t len)
{
    out = put(out, 0xdb, 1);
    out = put(out, len, 4);
    memcpy(out, text, len);
    return out + len;
}

/* An event for each line, as tail makes them: without the line end, a carriage return before it left out too. */
size_t lines_to_events(const char *file, const char *data, size_t len, char **events)
{
    size_t lines = 1, names = 128 + strlen(file) + strlen(options.lines_key);
    for (size_t at = 0; at < len; at++)
        lines += data[at] == '\n';
    char *out = *events = malloc(len + lines * names);
    if (!out)
        fail("no memory");
    uint64_t pairs = 1 + (options.path_key ? 1 : 0) + (options.offset_key ? 1 : 0);
    for (const char *line = data, *end; line < data + len && (end = memchr(line, '\n', (size_t)(data + len - line)));
         line = end + 1) {
        size_t length = (size_t)(end - line);
        if (length >= 2 && line[length - 1] == '\r')
            length--;
        /* [[EventTime, {}], {…}] */
        out = put(out, 0x9292d700, 4);
        out = put(out, 1795388792, 4);
        out = put(out, 0, 4);
        out = put(out, 0x80, 1);
        out = put(out, 0x80 | pairs, 1);
        if (options.path_key) {
            out = put_text(out, options.path_key, strlen(options.path_key));
            out = put_text(out, file, strlen(file));
        }
        if (options.offset_key) {
            out = put_text(out, options.offset_key, strlen(options.offset_key));
            out = put(out, 0xcf, 1);
            out = put(out, (uint64_t)(line - data), 8);
        }
        out = put_text(out, options.lines_key, strlen(options.lines_key));
        out = put_text(out, line, length);
    }
    return (size_t)(out - *events);
}
