/* The folders beside a results database. */
#ifndef TERSE_RUNNER_FOLDER_H
#define TERSE_RUNNER_FOLDER_H

#include "core/status.h"

/* Makes folder `name` in the folder of `database`, unless it is there. */
enum status folder_make_beside(const char *database, const char *name) WARN_UNUSED;

/* Removes a run's checkpoint, and what a crash in the middle of writing one has left (runner/checkpoint.c). */
void folder_remove_checkpoint(const char *folder);

#endif
