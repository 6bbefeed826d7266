/* Status codes and the record of what went wrong.
 *
 * Every fallible function returns `enum status`. The first failure is recorded once, with file, line and a sentence for
 * the user (which ends in a remedy where there is one); callers pass the code upward with TRY and add nothing. */
#ifndef TERSE_CORE_STATUS_H
#define TERSE_CORE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(constant, what a user reads) */
#define STATUS_LIST(X)                                              \
  X(STATUS_OK, "ok")                                                \
  X(STATUS_BAD_INPUT, "bad input")           /* what the user wrote */ \
  X(STATUS_BAD_DATA, "bad data")             /* a data file */      \
  X(STATUS_NO_DATA, "data set not there")    /* none of its folder */ \
  X(STATUS_BAD_MESSAGE, "malformed message") /* bytes from a peer */ \
  X(STATUS_NO_MEMORY, "out of memory")                              \
  X(STATUS_IO, "input/output error")                                \
  X(STATUS_DEVICE, "device error")                                  \
  X(STATUS_PEER, "a peer failed or is out of step")                 \
  X(STATUS_DIVERGED, "diverged")                                    \
  X(STATUS_INTERRUPTED, "interrupted")                              \
  X(STATUS_UNSUPPORTED, "not supported")                            \
  X(STATUS_STORE, "database error")                                 \
  X(STATUS_LIBRARY, "library error")         /* oneDNN, MPI, libyaml, … */

enum status {
#define STATUS_CONSTANT(constant, text) constant,
  STATUS_LIST(STATUS_CONSTANT)
#undef STATUS_CONSTANT
};

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))

/* The words of a code, e.g. "bad input". Static storage. */
const char *status_name(enum status code);

/* Records a failure of this thread (code, place, sentence), replacing the previous one, and returns `code`. Use FAIL. */
enum status status_record(enum status code, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);

/* The sentence of this thread's last failure; "" where none was recorded. Valid until the next failure. */
const char *status_detail(void);

/* "core/comm.c:120" of the last failure, or "". */
const char *status_place(void);

#define FAIL(code, ...) status_record((code), __FILE__, __LINE__, __VA_ARGS__)

/* For functions with one exit label: needs a local `enum status status` and a label `exit`. */
#define TRY(expression)                                 \
  do {                                                  \
    if ((status = (expression)) != STATUS_OK) goto exit; \
  } while (0)

/* For functions with nothing to release. */
#define TRY_RETURN(expression)                               \
  do {                                                       \
    const enum status try_status = (expression);             \
    if (try_status != STATUS_OK) return try_status;          \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif
