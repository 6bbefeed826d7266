/* What every compressor is held to, as functions that say what is wrong: the conformance suite runs them over the
 * registry, and proves on deliberately defective compressors that they reject what they should. Where a check returns
 * false, s->reason says why. */
#ifndef TERSE_TESTS_COMPRESSOR_CHECKS_H
#define TERSE_TESTS_COMPRESSOR_CHECKS_H

#include "tests/compressor_subject.h"

/* y + a C(x) for several a; EXACT ones give x back to the bit. */
bool check_round_trip(subject *s);
/* The wire image keeps within its bound, every byte of it is written, the three counts add up. */
bool check_account(subject *s);
/* E C(x) = x and the variance bound where claimed, over `draws` rounds; random and adversarial vectors. */
bool check_claims(subject *s, unsigned draws);
/* Some x is changed, unless EXACT. */
bool check_changes_something(subject *s);
/* u = C(u) + e in every round; what was sent and what is held back add up to all gradients over 50 rounds. */
bool check_feedback(subject *s);
/* The same call gives the same bytes; RANDOMIZED ones others for another worker, round or seed, and only those. */
bool check_draws(subject *s);
/* Zeros give zeros; NaN and infinities are survived. */
bool check_special_values(subject *s);
/* Random and mutated wire images: an error, a fault or a result, and no write outside. */
bool check_hostile_bytes(subject *s, unsigned trials);

#endif
