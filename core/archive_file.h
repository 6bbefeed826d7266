/* The files of an archive: one writer a rank, one reader over all ranks' files.
 *
 * A file: 16 bytes of magic; the sections' bytes, one after another; the index, sorted by owner and name; a trailer.
 * Numbers are in the machine's byte order: an archive goes on where it was saved, it is not for exchange. */
#ifndef TERSE_CORE_ARCHIVE_FILE_H
#define TERSE_CORE_ARCHIVE_FILE_H

#include <xxhash.h>

#include "core/archive.h"

typedef struct archive_writer archive_writer;
enum status archive_writer_open(const char *folder, int rank, archive_writer **out) WARN_UNUSED;
enum status archive_writer_write(archive_writer *w, const void *data, size_t n_bytes) WARN_UNUSED;
/* Enters the n_bytes written last into the index. */
enum status archive_writer_enter(archive_writer *w, int owner, const char *name, size_t n_bytes,
                                 uint64_t checksum) WARN_UNUSED;
/* Index, flush to disk, rename. */
enum status archive_writer_finish(archive_writer *w) WARN_UNUSED;
/* Frees; deletes what was not finished. NULL is ignored. */
void archive_writer_close(archive_writer *w);

typedef struct archive_reader archive_reader;
enum status archive_reader_open(const char *folder, archive_reader **out) WARN_UNUSED;
/* Goes to a section that must have n_bytes. */
enum status archive_reader_find(archive_reader *r, int owner, const char *name, size_t n_bytes) WARN_UNUSED;
/* The section's next n_bytes. */
enum status archive_reader_read(archive_reader *r, void *data, size_t n_bytes) WARN_UNUSED;
/* Holds the checksum of what was read against the index. */
enum status archive_reader_check(archive_reader *r, uint64_t checksum) WARN_UNUSED;
void archive_reader_close(archive_reader *r); /* NULL is ignored */

#endif
