/* Text as JSON. Reading JSON is SQLite's work (runner/record.h). */
#ifndef TERSE_RUNNER_JSON_H
#define TERSE_RUNNER_JSON_H

#include <stddef.h>
#include <stdio.h>

/* Length of the UTF-8 character at p, or 0 where the bytes are not one (overlong forms and surrogates included). */
size_t utf8_length(const unsigned char *p);

/* Text as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void json_write_string(FILE *out, const char *text);

#endif
