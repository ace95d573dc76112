#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "engine/mda.h"

/* Veitch et al. 2009, table 1, as reference/trace.md and later papers repeat it. */
static void test_stopping_points(void **state)
{
    static const unsigned at95[] = {6, 11, 16, 21, 27, 33, 38, 44, 51};
    static const unsigned at99[] = {8, 15, 21, 28, 36, 43, 51, 58, 66};

    (void)state;
    for (unsigned k = 1; k <= 9; k++) {
        assert_int_equal(mda_flows_needed(k, 95), at95[k - 1]);
        assert_int_equal(mda_flows_needed(k, 99), at99[k - 1]);
    }
    assert_int_equal(mda_flows_needed(0, 95), 6);
    for (unsigned k = 2; k < 90; k++)
        assert_true(mda_flows_needed(k, 99) > mda_flows_needed(k - 1, 99));
}

/* A network of interfaces: the address at a TTL depends on the flow's hash there. */
struct diamond {
    unsigned target;             /* TTL */
    unsigned width[32];          /* by TTL; 0 and 1: one router */
    bool meshed;                 /* a wide hop behind a wide one branches anew */
    unsigned bad_ttl, bad_index; /* forwards nothing */
    double loss;
    uint64_t salt;
    struct random random;
    unsigned probes[32];
};

static unsigned diamond_index(const struct diamond *d, uint32_t flow, unsigned ttl)
{
    struct random random;

    if (d->width[ttl] < 2)
        return 0;
    random_seed(&random, d->salt ^ ((uint64_t)flow << 16) ^ (d->meshed ? ttl * 77u : 0));
    return random_below(&random, d->width[ttl]);
}

static struct address diamond_address(unsigned ttl, unsigned index)
{
    return address_from4((uint8_t[]){10, (uint8_t)ttl, (uint8_t)(index >> 8), (uint8_t)index});
}

static bool diamond_answers(struct diamond *d, uint32_t flow, unsigned ttl)
{
    bool behind = d->bad_ttl && ttl > d->bad_ttl;

    if (behind && diamond_index(d, flow, d->bad_ttl) == d->bad_index)
        return false;
    return !random_chance(&d->random, d->loss);
}

static void diamond_run(struct diamond *d, struct mda *mda)
{
    uint32_t flow;
    uint8_t ttl;

    while (mda_next(mda, &flow, &ttl)) {
        d->probes[ttl]++;
        bool end = ttl >= d->target;
        struct address address =
            diamond_address(end ? d->target : ttl, end ? 0 : diamond_index(d, flow, ttl));
        if (diamond_answers(d, flow, ttl))
            assert_int_equal(mda_answered(mda, flow, ttl, &address, end), 0);
        else
            mda_unanswered(mda, flow, ttl);
    }
    assert_true(mda_done(mda));
}

static unsigned diamond_found(const struct mda *mda, unsigned ttl)
{
    struct address seen[256];
    unsigned count = 0;

    for (uint32_t flow = 0; flow < mda_flows(mda); flow++) {
        bool end;
        const struct address *hop = mda_hop(mda, flow, (uint8_t)ttl, &end);
        unsigned i = 0;
        while (hop && i < count && !address_equal(&seen[i], hop))
            i++;
        if (hop && i == count)
            seen[count++] = *hop;
    }
    return count;
}

static struct diamond diamond_of(unsigned target, uint64_t seed)
{
    struct diamond d = {.target = target, .salt = seed * 1000003};

    random_seed(&d.random, seed);
    return d;
}

static void test_single_path_asks_the_least(void **state)
{
    struct diamond d = diamond_of(9, 1);
    struct mda *mda;

    (void)state;
    assert_int_equal(mda_new(1, 30, 9, 95, &mda), 0);
    diamond_run(&d, mda);
    for (unsigned ttl = 1; ttl <= 9; ttl++)
        assert_int_equal(d.probes[ttl], 6);
    assert_int_equal(d.probes[10], 0);
    mda_free(mda);
}

static void test_sixteen_paths(void **state)
{
    unsigned whole = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct diamond d = diamond_of(7, seed);
        struct mda *mda;
        d.width[4] = 16;
        assert_int_equal(mda_new(1, 30, 7, 99, &mda), 0);
        diamond_run(&d, mda);
        unsigned found = diamond_found(mda, 4);
        whole += found == 16;
        assert_true(d.probes[4] <= mda_flows_needed(16, 99));
        assert_true(d.probes[5] <= 16 * mda_flows_needed(1, 99));
        assert_int_equal(d.probes[3], mda_flows_needed(1, 99));
        assert_int_equal(d.probes[6], mda_flows_needed(1, 99));
        mda_free(mda);
    }
    print_message("16 equal paths: all found in %u of 100 seeds\n", whole);
    assert_true(whole >= 97);
}

/* Behind each of four routers four more: every interface is searched by itself. */
static void test_meshed_hops_need_node_control(void **state)
{
    unsigned whole = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct diamond d = diamond_of(8, seed);
        struct mda *mda;
        d.width[4] = 4;
        d.width[5] = 4;
        d.meshed = true;
        assert_int_equal(mda_new(1, 30, 8, 99, &mda), 0);
        diamond_run(&d, mda);
        bool link[4][4] = {0};
        unsigned links = 0;
        for (uint32_t flow = 0; flow < mda_flows(mda); flow++) {
            bool end;
            const struct address *from = mda_hop(mda, flow, 4, &end);
            const struct address *to = mda_hop(mda, flow, 5, &end);
            if (!from || !to || link[from->bytes[3]][to->bytes[3]])
                continue;
            link[from->bytes[3]][to->bytes[3]] = true;
            links++;
        }
        whole += links == 16;
        mda_free(mda);
    }
    print_message("4 x 4 meshed: all links found in %u of 50 seeds\n", whole);
    assert_true(whole >= 45);
}

static void test_loss_does_not_end_the_search(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct diamond d = diamond_of(7, seed);
        struct mda *mda;
        struct address address;
        uint8_t ttl;
        uint32_t flows;
        d.width[3] = 8;
        d.loss = 0.2;
        assert_int_equal(mda_new(1, 30, 7, 99, &mda), 0);
        diamond_run(&d, mda);
        assert_true(diamond_found(mda, 3) >= 7);
        assert_false(mda_bad_member(mda, &ttl, &address, &flows));
        mda_free(mda);
    }
}

static void test_bad_member_is_named(void **state)
{
    unsigned named = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct diamond d = diamond_of(8, seed);
        struct mda *mda;
        struct address address, expected = diamond_address(4, 2);
        uint8_t ttl = 0;
        uint32_t flows = 0;
        d.width[4] = 4;
        d.bad_ttl = 4;
        d.bad_index = 2;
        d.loss = 0.02;
        assert_int_equal(mda_new(1, 30, 8, 99, &mda), 0);
        diamond_run(&d, mda);
        if (mda_bad_member(mda, &ttl, &address, &flows)) {
            assert_int_equal(ttl, 4);
            assert_true(address_equal(&address, &expected));
            named++;
        }
        mda_free(mda);
    }
    print_message("bad member of four: named in %u of 50 seeds\n", named);
    assert_true(named >= 47);
}

/* A late answer comes while its flow is queued to be asked again. */
static void test_late_answer(void **state)
{
    struct mda *mda;
    uint32_t flow;
    uint8_t ttl;
    struct address address = diamond_address(1, 0);

    (void)state;
    assert_int_equal(mda_new(1, 30, 1, 95, &mda), 0);
    for (unsigned i = 0; i < 6; i++)
        assert_true(mda_next(mda, &flow, &ttl));
    assert_false(mda_next(mda, &flow, &ttl));
    for (flow = 0; flow < 6; flow++)
        mda_unanswered(mda, flow, 1);
    for (flow = 0; flow < 6; flow++)
        assert_int_equal(mda_answered(mda, flow, 1, &address, true), 0);
    assert_false(mda_next(mda, &flow, &ttl));
    assert_true(mda_done(mda));
    mda_free(mda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopping_points),
        cmocka_unit_test(test_single_path_asks_the_least),
        cmocka_unit_test(test_sixteen_paths),
        cmocka_unit_test(test_meshed_hops_need_node_control),
        cmocka_unit_test(test_loss_does_not_end_the_search),
        cmocka_unit_test(test_bad_member_is_named),
        cmocka_unit_test(test_late_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
