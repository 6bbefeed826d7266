/* Messages and their pool on the CPU and on the shadow device. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/message.h"

static const enum device_kind kinds[] = {DEVICE_CPU, DEVICE_SHADOW};

Test(message, counts_of_bits) {
  message_head head = {.format = 1, .padding_bits = 13, .n = 100, .count = 10, .body_bytes = 77};
  const message m = {.head = &head, .inner_bytes = 8};
  cr_assert_eq(message_wire_bytes(&m), 93);
  cr_assert_eq(message_overhead_bits(&m), 8 * (16 + 8) + 13);
  cr_assert_eq(message_payload_bits(&m), 8 * (77 - 8) - 13);
  cr_assert_eq(8 * message_wire_bytes(&m), message_payload_bits(&m) + message_overhead_bits(&m));
}

/* What seal writes is what the device has on the wire, and what the host reads. */
Test(message, seal) {
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    device *d = NULL;
    stream *s = NULL;
    message_pool *p = NULL;
    message *m = NULL;
    cr_assert_eq(device_open(kinds[k], &d), STATUS_OK);
    cr_assert_eq(stream_open(d, &s), STATUS_OK);
    cr_assert_eq(message_pool_create(d, &p), STATUS_OK);
    cr_assert_eq(message_acquire(p, 16 + 5, &m), STATUS_OK);
    const message_head head = {.format = 7, .padding_bits = 3, .n = 9, .count = 4, .body_bytes = 5};
    const char body[] = "ABCDE";
    unsigned char wire[21], *image = NULL, *again = NULL;
    stream_copy(s, message_body(m), body, 5);
    message_seal(m, s, &head);
    cr_assert_eq(event_wait(m->ready), STATUS_OK);
    cr_assert(memcmp(m->head, &head, sizeof head) == 0);
    stream_copy(s, wire, m->wire, sizeof wire);
    cr_assert_eq(stream_synchronize(s), STATUS_OK);
    cr_assert(memcmp(wire, &head, sizeof head) == 0 && memcmp(wire + 16, body, 5) == 0);

    cr_assert_eq(message_host_image(p, m, &image), STATUS_OK);
    cr_assert_eq(message_host_image(p, m, &again), STATUS_OK);
    cr_assert_eq(image, again);
    cr_assert_eq(image == m->wire, kinds[k] == DEVICE_CPU);
    stream_copy(s, image == m->wire ? wire : image, m->wire, sizeof wire);
    cr_assert_eq(stream_synchronize(s), STATUS_OK);
    cr_assert(memcmp(image, &head, sizeof head) == 0 && memcmp(image + 16, body, 5) == 0);

    message_give_back(p, m);
    message_pool_destroy(p);
    stream_close(s);
    device_close(d);
  }
}

Test(message, pool_reuses) {
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    device *d = NULL;
    message_pool *p = NULL;
    message *small = NULL, *large = NULL, *m = NULL, *many[40];
    cr_assert_eq(device_open(kinds[k], &d), STATUS_OK);
    cr_assert_eq(message_pool_create(d, &p), STATUS_OK);
    cr_assert_eq(message_acquire(p, 0, &small), STATUS_OK);
    cr_assert_geq(small->capacity, 16); /* room for a head at least */
    cr_assert_eq(message_acquire(p, 1000, &large), STATUS_OK);
    cr_assert_eq(message_pool_size(p), 2);
    small->inner_bytes = 3;
    small->theory_bits = 4;
    small->head->body_bytes = 5;
    message_give_back(p, large);
    message_give_back(p, small);
    message_give_back(p, NULL);
    cr_assert_eq(message_acquire(p, 16, &m), STATUS_OK);
    cr_assert_eq(m, small, "the smallest that is large enough");
    cr_assert(m->inner_bytes == 0 && m->theory_bits == 0 && m->head->body_bytes == 0);
    cr_assert_eq(message_acquire(p, 17, &m), STATUS_OK);
    cr_assert_eq(m, large);
    cr_assert_eq(message_acquire(p, 16, &m), STATUS_OK);
    cr_assert_eq(message_pool_size(p), 3, "none was free");
    for (size_t i = 0; i < 40; i++) {
      cr_assert_eq(message_acquire(p, 100 + i, &many[i]), STATUS_OK);
      for (size_t j = 0; j < i; j++) cr_assert_neq(many[i], many[j]);
    }
    cr_assert_eq(message_pool_size(p), 43);
    for (size_t i = 0; i < 40; i++) message_give_back(p, many[i]);
    for (size_t i = 0; i < 40; i++) cr_assert_eq(message_acquire(p, 100, &many[i]), STATUS_OK);
    cr_assert_eq(message_pool_size(p), 43);
    message_pool_destroy(p); /* with messages in use */
    message_pool_destroy(NULL);
    device_close(d);
  }
}
