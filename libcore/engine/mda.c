#include "engine/mda.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRIES      3 /* of one flow at one TTL before it counts as silent there */
#define DEAD_FLOWS 2 /* that die through one member before it is called bad */

/* Of one flow at one TTL; from CELL_NODE on it is the index of the node that answered. */
enum { CELL_UNASKED, CELL_WANTED, CELL_ASKED, CELL_SILENT, CELL_NODE };

#define NODE_ALL    SIZE_MAX       /* all flows: before the first hop, and where nothing branches */
#define NODE_SILENT (SIZE_MAX - 1) /* flows that nobody answered at that TTL */

struct mda_node {
    struct address address;
    uint8_t ttl;
    bool end;
};

struct mda_want {
    uint16_t flow;
    uint8_t ttl;
};

struct mda {
    uint8_t first, last, target;
    unsigned percent;
    size_t width; /* TTLs */
    size_t nflows, flows_capacity;
    uint16_t *cells; /* [flow][ttl - first] */
    uint8_t *tries;  /* alike */
    size_t nnodes, nodes_capacity;
    struct mda_node *nodes;
    size_t nwanted, next, wanted_capacity;
    struct mda_want *wanted;
    size_t under_way; /* handed out, neither answered nor given up */
    bool changed;     /* there may be something new to want */
    bool broken;      /* out of memory: want nothing more */
};

/* P(all of n flows miss at least one of `paths` equal paths), by inclusion and exclusion. */
static double mda_miss(unsigned paths, unsigned flows)
{
    double miss = 0, choose = 1;

    for (unsigned missing = 1; missing < paths; missing++) {
        choose = choose * (paths - missing + 1) / missing;
        double term = choose * pow(1.0 - (double)missing / paths, flows);
        miss += missing % 2 ? term : -term;
        if (term < 1e-12)
            break;
    }
    return miss;
}

/* The alternating sum is exact only once its terms fall: start where the first one is small. */
static unsigned mda_flows_least(unsigned paths, double risk)
{
    return (unsigned)floor(log(risk / paths) / log(1.0 - 1.0 / paths) * 0.95);
}

unsigned mda_flows_needed(unsigned found, unsigned percent)
{
    double risk = percent >= 99 ? 0.01 : 0.05;
    unsigned paths = found + 1;

    if (found == 0)
        return mda_flows_needed(1, percent);
    unsigned flows = mda_flows_least(paths, risk);
    if (flows < paths)
        flows = paths;
    while (mda_miss(paths, flows) > risk)
        flows++;
    return flows;
}

int mda_new(uint8_t first, uint8_t last, uint8_t target, unsigned percent, struct mda **out)
{
    struct mda *mda = calloc(1, sizeof(*mda));

    if (!mda)
        return -ENOMEM;
    mda->first = first;
    mda->last = last;
    mda->target = target;
    mda->percent = percent;
    mda->width = (size_t)(last - first) + 1;
    mda->changed = true;
    *out = mda;
    return 0;
}

void mda_free(struct mda *mda)
{
    if (!mda)
        return;
    free(mda->cells);
    free(mda->tries);
    free(mda->nodes);
    free(mda->wanted);
    free(mda);
}

static uint16_t *mda_cell(const struct mda *mda, size_t flow, unsigned ttl)
{
    return &mda->cells[flow * mda->width + (ttl - mda->first)];
}

static bool mda_add_flow(struct mda *mda)
{
    if (mda->nflows == MDA_FLOWS_MAX)
        return false;
    if (mda->nflows == mda->flows_capacity) {
        size_t capacity = mda->flows_capacity ? 2 * mda->flows_capacity : 16;
        uint16_t *cells = realloc(mda->cells, capacity * mda->width * sizeof(*cells));
        if (cells)
            mda->cells = cells;
        uint8_t *tries = realloc(mda->tries, capacity * mda->width);
        if (tries)
            mda->tries = tries;
        if (!cells || !tries) {
            mda->broken = true;
            return false;
        }
        mda->flows_capacity = capacity;
    }
    memset(&mda->cells[mda->nflows * mda->width], 0, mda->width * sizeof(*mda->cells));
    memset(&mda->tries[mda->nflows * mda->width], 0, mda->width);
    mda->nflows++;
    return true;
}

static void mda_want(struct mda *mda, size_t flow, unsigned ttl)
{
    if (mda->nwanted == mda->wanted_capacity) {
        size_t capacity = mda->wanted_capacity ? 2 * mda->wanted_capacity : 64;
        struct mda_want *grown = realloc(mda->wanted, capacity * sizeof(*grown));
        if (!grown) {
            mda->broken = true;
            return;
        }
        mda->wanted = grown;
        mda->wanted_capacity = capacity;
    }
    *mda_cell(mda, flow, ttl) = CELL_WANTED;
    mda->wanted[mda->nwanted++] = (struct mda_want){(uint16_t)flow, (uint8_t)ttl};
}

/* The flow's way has ended before `ttl`. */
static bool mda_ended(const struct mda *mda, size_t flow, unsigned ttl)
{
    for (unsigned t = mda->first; t < ttl; t++) {
        uint16_t cell = *mda_cell(mda, flow, t);
        if (cell >= CELL_NODE && mda->nodes[cell - CELL_NODE].end)
            return true;
    }
    return false;
}

static bool mda_all_ended(const struct mda *mda, unsigned ttl)
{
    for (size_t i = 0; i < mda->nnodes; i++) {
        if (mda->nodes[i].ttl == ttl - 1)
            return mda->nodes[i].end;
    }
    return false;
}

static bool mda_through(const struct mda *mda, size_t flow, unsigned ttl, size_t node)
{
    if (node == NODE_ALL)
        return true;
    uint16_t cell = *mda_cell(mda, flow, ttl);
    if (node == NODE_SILENT)
        return cell == CELL_SILENT;
    return cell == CELL_NODE + node;
}

/* What the flows through one node show at the next TTL. */
struct mda_census {
    unsigned answered, silent, under_way, unasked;
    unsigned next_hops;
};

static struct mda_census mda_count(const struct mda *mda, size_t node, unsigned ttl)
{
    struct mda_census census = {0};
    uint16_t seen[MDA_FLOWS_MAX];

    for (size_t flow = 0; flow < mda->nflows; flow++) {
        if (!mda_through(mda, flow, ttl - 1, node) || mda_ended(mda, flow, ttl))
            continue;
        uint16_t cell = *mda_cell(mda, flow, ttl);
        census.unasked += cell == CELL_UNASKED;
        census.under_way += cell == CELL_WANTED || cell == CELL_ASKED;
        census.silent += cell == CELL_SILENT;
        if (cell < CELL_NODE)
            continue;
        census.answered++;
        unsigned i = 0;
        while (i < census.next_hops && seen[i] != cell)
            i++;
        if (i == census.next_hops)
            seen[census.next_hops++] = cell;
    }
    return census;
}

/* Flows still to be asked: silence counts where nobody answers, and is made up for elsewhere. */
static unsigned mda_missing(const struct mda *mda, const struct mda_census *census)
{
    unsigned needed = mda_flows_needed(census->next_hops, mda->percent);
    unsigned known = census->answered + census->under_way;

    if (census->answered == 0 || census->silent > needed)
        known += census->silent;
    return known < needed ? needed - known : 0;
}

static unsigned mda_nodes_at(const struct mda *mda, unsigned ttl)
{
    unsigned count = 0;

    for (size_t i = 0; i < mda->nnodes; i++)
        count += mda->nodes[i].ttl == ttl;
    return count;
}

/* Asks up to `count` flows that lead through the node; what is still missing is returned. */
static unsigned mda_want_through(struct mda *mda, size_t node, unsigned ttl, unsigned count)
{
    for (size_t flow = 0; flow < mda->nflows && count > 0; flow++) {
        if (*mda_cell(mda, flow, ttl) != CELL_UNASKED || !mda_through(mda, flow, ttl - 1, node) ||
            mda_ended(mda, flow, ttl))
            continue;
        mda_want(mda, flow, ttl);
        count--;
    }
    return count;
}

/* Node control: `count` further flows are sent to the node's own TTL to see which lead there. */
static void mda_want_more(struct mda *mda, unsigned ttl, unsigned count)
{
    for (size_t flow = 0; count > 0; flow++) {
        if (flow == mda->nflows && !mda_add_flow(mda))
            return;
        if (*mda_cell(mda, flow, ttl) != CELL_UNASKED || mda_ended(mda, flow, ttl))
            continue;
        mda_want(mda, flow, ttl);
        count--;
    }
}

static bool mda_under_way_at(const struct mda *mda, unsigned ttl)
{
    for (size_t flow = 0; flow < mda->nflows; flow++) {
        uint16_t cell = *mda_cell(mda, flow, ttl);
        if (cell == CELL_WANTED || cell == CELL_ASKED)
            return true;
    }
    return false;
}

static void mda_plan_node(struct mda *mda, size_t node, unsigned ttl)
{
    struct mda_census census = mda_count(mda, node, ttl);

    if (node == NODE_ALL && mda_all_ended(mda, ttl))
        return;
    unsigned missing = mda_missing(mda, &census);

    if (missing == 0)
        return;
    if (node == NODE_ALL) {
        mda_want_more(mda, ttl, missing);
        return;
    }
    missing = mda_want_through(mda, node, ttl, missing);
    bool branches = mda_nodes_at(mda, ttl) > 1;
    if (missing > 0 && branches && !mda_under_way_at(mda, ttl - 1))
        mda_want_more(mda, ttl - 1, missing * mda_nodes_at(mda, ttl - 1));
}

/* A flow that fell silent is followed to the target at once: does it die here, or only hide? */
static void mda_plan_silent(struct mda *mda)
{
    for (size_t flow = 0; flow < mda->nflows; flow++) {
        bool silent = false;
        for (unsigned ttl = mda->first; ttl <= mda->target; ttl++) {
            uint16_t cell = *mda_cell(mda, flow, ttl);
            if (silent && cell == CELL_UNASKED && !mda_ended(mda, flow, ttl))
                mda_want(mda, flow, ttl);
            silent = silent || cell == CELL_SILENT;
        }
    }
}

/* To begin with, the least number of flows goes to all TTLs at once. */
static void mda_plan_start(struct mda *mda)
{
    unsigned flows = mda_flows_needed(1, mda->percent);

    for (unsigned flow = 0; flow < flows && mda_add_flow(mda); flow++) {
        for (unsigned ttl = mda->first; ttl <= mda->target; ttl++)
            mda_want(mda, flow, ttl);
    }
}

/* One router, or a silent one, is passed by all flows: no need to look which. */
static void mda_plan_ttl(struct mda *mda, unsigned ttl)
{
    unsigned before = mda_nodes_at(mda, ttl - 1);

    if (before < 2) {
        if (before > 0 || ttl <= mda->target)
            mda_plan_node(mda, NODE_ALL, ttl);
        return;
    }
    for (size_t node = 0; node < mda->nnodes; node++) {
        if (mda->nodes[node].ttl == ttl - 1 && !mda->nodes[node].end)
            mda_plan_node(mda, node, ttl);
    }
}

static void mda_plan(struct mda *mda)
{
    mda->changed = false;
    mda->nwanted = mda->next = 0;
    if (mda->nflows == 0) {
        mda_plan_start(mda);
        return;
    }
    mda_plan_node(mda, NODE_ALL, mda->first);
    for (unsigned ttl = mda->first + 1u; ttl <= mda->last; ttl++)
        mda_plan_ttl(mda, ttl);
    mda_plan_silent(mda);
}

/* The next one of the queue that has not been answered meanwhile by a late answer. */
static bool mda_queued(struct mda *mda, uint32_t *flow, uint8_t *ttl)
{
    while (mda->next < mda->nwanted) {
        const struct mda_want *want = &mda->wanted[mda->next++];
        uint16_t *cell = mda_cell(mda, want->flow, want->ttl);
        if (*cell != CELL_WANTED)
            continue;
        *cell = CELL_ASKED;
        mda->under_way++;
        *flow = want->flow;
        *ttl = want->ttl;
        return true;
    }
    return false;
}

bool mda_next(struct mda *mda, uint32_t *flow, uint8_t *ttl)
{
    if (mda_queued(mda, flow, ttl))
        return true;
    if (!mda->changed || mda->broken)
        return false;
    mda_plan(mda);
    return mda_queued(mda, flow, ttl);
}

static int mda_node_of(struct mda *mda, uint8_t ttl, const struct address *address, bool end,
                       size_t *index)
{
    for (size_t i = 0; i < mda->nnodes; i++) {
        if (mda->nodes[i].ttl == ttl && address_equal(&mda->nodes[i].address, address)) {
            *index = i;
            return 0;
        }
    }
    if (mda->nnodes == mda->nodes_capacity) {
        size_t capacity = mda->nodes_capacity ? 2 * mda->nodes_capacity : 32;
        struct mda_node *grown = realloc(mda->nodes, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        mda->nodes = grown;
        mda->nodes_capacity = capacity;
    }
    mda->nodes[mda->nnodes] = (struct mda_node){*address, ttl, end};
    *index = mda->nnodes++;
    return 0;
}

int mda_answered(struct mda *mda, uint32_t flow, uint8_t ttl, const struct address *address,
                 bool end)
{
    size_t index;

    if (flow >= mda->nflows || ttl < mda->first || ttl > mda->last)
        return 0;
    uint16_t *cell = mda_cell(mda, flow, ttl);
    if (*cell >= CELL_NODE)
        return 0;
    int err = mda_node_of(mda, ttl, address, end, &index);
    if (err || index > UINT16_MAX - CELL_NODE) {
        mda->broken = true;
        return -ENOMEM;
    }
    if (*cell == CELL_ASKED)
        mda->under_way--;
    if (end && ttl > mda->target)
        mda->target = ttl; /* flow 0 did not come that far, or took a shorter way */
    *cell = (uint16_t)(CELL_NODE + index);
    mda->changed = true;
    return 0;
}

void mda_unanswered(struct mda *mda, uint32_t flow, uint8_t ttl)
{
    if (flow >= mda->nflows || ttl < mda->first || ttl > mda->last)
        return;
    uint16_t *cell = mda_cell(mda, flow, ttl);
    if (*cell != CELL_ASKED)
        return;
    mda->under_way--;
    mda->changed = true;
    bool again = ++mda->tries[flow * mda->width + (ttl - mda->first)] < TRIES;
    *cell = CELL_SILENT;
    if (again && !mda_ended(mda, flow, ttl))
        mda_want(mda, flow, ttl);
}

bool mda_done(const struct mda *mda)
{
    return (mda->broken || !mda->changed) && mda->next == mda->nwanted && mda->under_way == 0;
}

size_t mda_flows(const struct mda *mda)
{
    return mda->nflows;
}

const struct address *mda_hop(const struct mda *mda, uint32_t flow, uint8_t ttl, bool *end)
{
    uint16_t cell = *mda_cell(mda, flow, ttl);

    if (cell < CELL_NODE)
        return NULL;
    *end = mda->nodes[cell - CELL_NODE].end;
    return &mda->nodes[cell - CELL_NODE].address;
}

/* From `ttl` on to the target the flow was asked for everywhere, and nobody answered. */
static bool mda_dies(const struct mda *mda, size_t flow, unsigned ttl)
{
    for (unsigned t = ttl; t <= mda->target; t++) {
        if (*mda_cell(mda, flow, t) != CELL_SILENT)
            return false;
    }
    return ttl <= mda->target;
}

static bool mda_reaches(const struct mda *mda, size_t flow)
{
    return mda_ended(mda, flow, mda->last + 1u);
}

/* How many flows through the node die behind it; 0 when any does not. */
static uint32_t mda_deaths(const struct mda *mda, size_t node, unsigned ttl)
{
    uint32_t deaths = 0;

    for (size_t flow = 0; flow < mda->nflows; flow++) {
        if (!mda_through(mda, flow, ttl, node))
            continue;
        if (node == NODE_SILENT ? mda_dies(mda, flow, ttl) : mda_dies(mda, flow, ttl + 1))
            deaths++;
        else if (node != NODE_SILENT &&
                 (mda_reaches(mda, flow) || *mda_cell(mda, flow, ttl + 1) != CELL_UNASKED))
            return 0;
    }
    return deaths;
}

bool mda_reached(const struct mda *mda)
{
    for (size_t i = 0; i < mda->nnodes; i++) {
        if (mda->nodes[i].end)
            return true;
    }
    return false;
}

bool mda_bad_member(const struct mda *mda, uint8_t *ttl, struct address *address, uint32_t *flows)
{
    for (unsigned t = mda->first; mda_reached(mda) && t < mda->target; t++) {
        for (size_t node = 0; node < mda->nnodes; node++) {
            if (mda->nodes[node].ttl != t || mda->nodes[node].end)
                continue;
            *flows = mda_deaths(mda, node, t);
            *ttl = (uint8_t)t;
            *address = mda->nodes[node].address;
            if (*flows >= DEAD_FLOWS)
                return true;
        }
        *flows = mda_deaths(mda, NODE_SILENT, t);
        *ttl = (uint8_t)t;
        *address = (struct address){0};
        if (*flows >= DEAD_FLOWS)
            return true;
    }
    return false;
}
