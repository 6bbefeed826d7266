/* Save, load and digest of a run's state, with one function of the owner for all three.
 *
 * A section is named by its owner (worker w, or ARCHIVE_SHARED) and a name, so that a run saved at R = 3 ranks loads at
 * R = 2. On disk an archive is a folder with one file a rank, part-<rank>.bin, written as part-<rank>.bin.tmp, flushed
 * to disk and renamed. A rank writes its own workers' sections, rank 0 the shared ones; loading looks a section up by
 * owner in whichever file has it. Each section carries a checksum, and so does the index at the end of a file.
 *
 * The folder is the caller's commit: it is a whole archive once archive_end has succeeded on every rank, and the caller
 * then gives it its final name. It must hold no part when saving begins. Should parts of two saves meet all the same,
 * loading notices, since some section is then there twice.
 *
 * A digest is the sum modulo 2^64 of xxHash64 over (owner, name, bytes) of every section: the same at every R. */
#ifndef TERSE_CORE_ARCHIVE_H
#define TERSE_CORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/device.h"

enum { ARCHIVE_SHARED = -1, ARCHIVE_NAME_BYTES = 48 /* longest name, with its terminating zero */ };
typedef struct archive archive;

/* `stream` moves device vectors; it may be NULL where only host sections are used.
 * Saving makes the folder where it is missing (its parent must exist); STATUS_IO where it cannot be written or this
 * rank's part is there already. */
enum status archive_save_begin(const char *folder, int rank, stream *s, archive **out) WARN_UNUSED;
/* Reads every rank's index. STATUS_BAD_DATA, naming the file, where one is damaged or there is none. */
enum status archive_load_begin(const char *folder, stream *s, archive **out) WARN_UNUSED;
enum status archive_digest_begin(int rank, stream *s, archive **out) WARN_UNUSED;

/* Whether sections are being read into the caller's memory. */
bool archive_is_loading(const archive *a);

/* One section of host memory / of n floats of device memory. Saving copies it out, loading fills it (STATUS_BAD_DATA
 * where it is missing, has another size or a wrong checksum; names the section and the file), digesting hashes it. A
 * section is given once. Shared sections are left out by ranks other than 0, except in loading. */
enum status archive_bytes(archive *a, int owner, const char *name, void *data, size_t n_bytes) WARN_UNUSED;
enum status archive_floats(archive *a, int owner, const char *name, float *device_data, size_t n) WARN_UNUSED;

/* This rank's part of the digest, of an archive that saves or digests; ranks add theirs. */
uint64_t archive_digest(const archive *a);

/* Finishes (saving: flushes to disk and renames into place) and frees; the archive is gone even on failure. */
enum status archive_end(archive *a) WARN_UNUSED;
/* Frees without finishing; NULL is ignored. */
void archive_abandon(archive *a);

#endif
