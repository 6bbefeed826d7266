/* The account of traffic against plain sums over random exchanges. */
#include "core/traffic.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

enum { P = 5, ROUNDS = 40, PER_ROUND = 3 };

Test(traffic, names) {
  cr_assert_str_eq(direction_name(DIRECTION_UP), "up");
  cr_assert_str_eq(direction_name(DIRECTION_DOWN), "down");
  cr_assert_str_eq(direction_name(DIRECTION_PEER), "peer");
  const char *const names[] = {"allgather", "allreduce", "gather", "broadcast", "transfer"};
  for (int o = 0; o < N_OPERATIONS; o++) cr_assert_str_eq(operation_name((enum operation)o), names[o]);
}

/* Random messages; every count is the sum of what was added, every row has the sums and the busiest of its exchange. */
Test(traffic, counts) {
  traffic *t = NULL;
  traffic_count sums[P][N_DIRECTIONS] = {{{0}}};
  static exchange right[ROUNDS * PER_ROUND];
  cr_assert_eq(traffic_create(P, &t), STATUS_OK);
  size_t n = 0;
  for (uint64_t round = 0; round < ROUNDS; round++) {
    traffic_begin_round(t, round * 2);
    for (uint32_t sequence = 0; sequence < PER_ROUND; sequence++, n++) {
      uint64_t bytes[P][N_DIRECTIONS] = {{0}}, bits[P][N_DIRECTIONS] = {{0}};
      traffic_begin(t, (enum operation)sequence, "direct", P);
      for (uint64_t i = 0; i < 12; i++) {
        const rng_words w = rng_draw(rng_stream(3, RNG_TEST, 0, n), i);
        const uint32_t p = w.w[0] % P, d = w.w[1] % N_DIRECTIONS;
        traffic_add(t, (int)p, (enum direction)d, w.w[2], w.w[3], (double)w.w[2] / 2);
        sums[p][d].messages++;
        sums[p][d].payload_bits += w.w[2];
        sums[p][d].wire_bytes += w.w[3];
        sums[p][d].theory_bits += (double)w.w[2] / 2;
        bytes[p][d] += w.w[3];
        bits[p][d] += w.w[2];
      }
      cr_assert_eq(traffic_end(t), STATUS_OK);
      right[n] = (exchange){.first_round = round * 2, .n_rounds = 1, .sequence = sequence};
      for (int p = 0; p < P; p++)
        for (int d = 0; d < N_DIRECTIONS; d++) {
          right[n].sent[d].sum_bytes += bytes[p][d];
          right[n].sent[d].sum_payload_bits += bits[p][d];
          if (bytes[p][d] > right[n].sent[d].max_bytes) right[n].sent[d].max_bytes = bytes[p][d];
          if (bits[p][d] > right[n].sent[d].max_payload_bits) right[n].sent[d].max_payload_bits = bits[p][d];
        }
    }
  }
  for (int p = 0; p < P; p++)
    for (int d = 0; d < N_DIRECTIONS; d++) {
      const traffic_count *count = &traffic_of(t, p)[d];
      cr_assert_eq(count->messages, sums[p][d].messages);
      cr_assert_eq(count->payload_bits, sums[p][d].payload_bits);
      cr_assert_eq(count->wire_bytes, sums[p][d].wire_bytes);
      cr_assert_eq(count->theory_bits, sums[p][d].theory_bits);
    }
  const exchange *list = NULL;
  cr_assert_eq(traffic_take(t, &list), n);
  for (size_t i = 0; i < n; i++) {
    cr_assert_eq(list[i].first_round, right[i].first_round);
    cr_assert_eq(list[i].sequence, right[i].sequence);
    cr_assert_eq(list[i].operation, (enum operation)right[i].sequence);
    cr_assert(memcmp(list[i].sent, right[i].sent, sizeof right[i].sent) == 0);
  }
  cr_assert_eq(traffic_take(t, &list), 0);
  traffic_begin(t, OPERATION_GATHER, "star", P);
  cr_assert_eq(traffic_end(t), STATUS_OK);
  cr_assert_eq(traffic_take(t, &list), 1);
  cr_assert(list[0].operation == OPERATION_GATHER && list[0].sent[DIRECTION_UP].sum_bytes == 0);

  traffic_add_crossing(t, 5);
  traffic_add_crossing(t, 7);
  cr_assert_eq(traffic_crossing_bytes(t), 12);
  traffic_destroy(t);
  traffic_destroy(NULL);
}

static exchange row(uint64_t round, uint32_t sequence, uint64_t bytes) {
  exchange e = {.first_round = round,
                .n_rounds = 1,
                .sequence = sequence,
                .operation = OPERATION_TRANSFER,
                .algorithm = "pairs",
                .participants = 4};
  e.sent[DIRECTION_PEER].max_bytes = bytes;
  e.sent[DIRECTION_PEER].sum_bytes = 2 * bytes;
  return e;
}

Test(traffic, merge) {
  exchange a = row(3, 1, 10), b = row(3, 1, 30);
  b.sent[DIRECTION_UP].max_payload_bits = b.sent[DIRECTION_UP].sum_payload_bits = 5;
  cr_assert_eq(exchange_merge(&a, &b), STATUS_OK);
  cr_assert(a.sent[DIRECTION_PEER].max_bytes == 30 && a.sent[DIRECTION_PEER].sum_bytes == 80);
  cr_assert(a.sent[DIRECTION_UP].max_payload_bits == 5 && a.sent[DIRECTION_UP].sum_payload_bits == 5);
  exchange others[] = {row(4, 1, 1), row(3, 2, 1), row(3, 1, 1), row(3, 1, 1), row(3, 1, 1)};
  others[2].operation = OPERATION_GATHER;
  others[3].algorithm = "star";
  others[4].participants = 3;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    const exchange before = a;
    cr_assert_eq(exchange_merge(&a, &others[i]), STATUS_PEER);
    cr_assert(memcmp(&a, &before, sizeof a) == 0);
  }
  /* A rank where no message of a transfer ends need not know of any. */
  exchange nothing = row(3, 1, 0), known = row(3, 1, 7);
  nothing.participants = 0;
  cr_assert_eq(exchange_merge(&known, &nothing), STATUS_OK);
  cr_assert_eq(exchange_merge(&nothing, &known), STATUS_OK);
  cr_assert(known.participants == 4 && nothing.participants == 4 && nothing.sent[DIRECTION_PEER].max_bytes == 7);
}

/* Decoding the run-length code gives back the list, whatever it is; and blocks that repeat take one row an exchange. */
Test(traffic, compress) {
  enum { N_SEQUENCES = 4, N = 100 * N_SEQUENCES };
  static exchange list[N], coded[N], decoded[N];
  for (uint64_t seed = 0; seed < 60; seed++) {
    size_t n = 0;
    uint64_t round = seed;
    for (uint64_t i = 0; i < 100; i++) {
      const rng_words w = rng_draw(rng_stream(seed, RNG_TEST, 0, 0), i);
      round += 1 + (w.w[0] % 16 == 0); /* a round is left out now and then */
      for (uint32_t sequence = 0; sequence < 1 + seed % N_SEQUENCES; sequence++)
        list[n++] = row(round, sequence, sequence == 1 ? w.w[1] % (1 + seed % 5) : 7);
    }
    memcpy(coded, list, n * sizeof *list);
    const size_t n_coded = exchange_compress(coded, n);
    size_t n_decoded = 0;
    for (size_t i = 0; i < n_coded; i++) {
      if (i > 0) cr_assert(coded[i].first_round >= coded[i - 1].first_round);
      for (uint64_t r = 0; r < coded[i].n_rounds; r++) {
        cr_assert_lt(n_decoded, n);
        decoded[n_decoded] = coded[i];
        decoded[n_decoded].first_round += r;
        decoded[n_decoded++].n_rounds = 1;
      }
    }
    cr_assert_eq(n_decoded, n);
    for (size_t i = 0; i < n; i++) { /* each row is there exactly once */
      size_t n_found = 0;
      for (size_t j = 0; j < n; j++) n_found += memcmp(&list[i], &decoded[j], sizeof list[i]) == 0;
      cr_assert_eq(n_found, 1);
    }
  }
  for (size_t i = 0; i < N; i++) list[i] = row(i / N_SEQUENCES, i % N_SEQUENCES, 1 + i % N_SEQUENCES);
  cr_assert_eq(exchange_compress(list, N), N_SEQUENCES);
  for (size_t i = 0; i < N_SEQUENCES; i++) cr_assert(list[i].sequence == i && list[i].n_rounds == N / N_SEQUENCES);
  cr_assert_eq(exchange_compress(list, 0), 0);
}
