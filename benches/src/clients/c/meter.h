/* What the clients in C have in common with `meter.rs`: the message, the window, and counting acknowledgements.
 *
 * They are called with HOST PORT VERSION SECONDS, and print: messages in all, those that were measured, the nanoseconds that those
 * took, the nanoseconds of processor time, and the name of the library. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 100
#define TOPIC "sensors/room1/temp"

static const char payload[65] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
#define PAYLOAD_SIZE 64

/* How many acknowledgements come between two looks at the clock. */
#define PAUSE 64

struct mark {
    uint64_t total, wall, processor;
};

static struct {
    enum { WARMING_UP, MEASURING, DONE } phase;
    uint64_t span, start, total;
    struct mark from, to;
} meter;

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct mark mark(uint64_t wall)
{
    return (struct mark) { .total = meter.total, .wall = wall, .processor = now(CLOCK_PROCESS_CPUTIME_ID) };
}

static void meter_start(double seconds)
{
    meter.span = (uint64_t)(seconds * 1e9);
    meter.start = now(CLOCK_MONOTONIC);
}

/* Counts an acknowledgement, and tells whether publishing goes on. Only one thread may call it. */
static int acknowledged(void)
{
    uint64_t total = meter.total + 1;
    __atomic_store_n(&meter.total, total, __ATOMIC_RELEASE);
    if (total % PAUSE == 0 && meter.phase != DONE) {
        uint64_t wall = now(CLOCK_MONOTONIC);
        if (meter.phase == WARMING_UP && wall - meter.start >= meter.span / 10) {
            meter.from = mark(wall);
            meter.phase = MEASURING;
        } else if (meter.phase == MEASURING && wall - meter.from.wall >= meter.span) {
            meter.to = mark(wall);
            meter.phase = DONE;
        }
    }
    return meter.phase != DONE;
}

/* For other threads. */
static inline uint64_t total_acknowledged(void)
{
    return __atomic_load_n(&meter.total, __ATOMIC_ACQUIRE);
}

static void meter_print(const char *name)
{
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", meter.total, meter.to.total - meter.from.total,
        meter.to.wall - meter.from.wall, meter.to.processor - meter.from.processor, name);
}

static void fail(const char *what, int code)
{
    fprintf(stderr, "%s: %d\n", what, code);
    exit(1);
}
