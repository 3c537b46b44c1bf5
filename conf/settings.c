#include "conf/settings.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

#define UNKNOWN_MAX 32u /* unknown names that one load tells about */

enum kind {
    KIND_TEXT,
    KIND_PATH,
    KIND_WORD,
    KIND_TIME,
    KIND_SECONDS, /* written as a time, kept in whole seconds */
    KIND_SIZE,
    KIND_COUNT,
    KIND_MODE,
    KIND_BOOL,
    KIND_LIST,
};

/* One row per setting. `legal` is what a message says is legal; `initial` its default. */
struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    uint64_t low, high;
    const char *const *words;
    const char *initial;
    const char *legal;
};

static const char *const on_full_words[] = {"drop", "block", "deny", NULL};
static const char *const path_words[] = {"auto", "relay", NULL};
static const char *const expiry_words[] = {"keep", "cut", NULL};
static const char *const allows_words[] = {"all", "denials", NULL};
static const char *const source_words[] = {"ca", "files", NULL};

#define AT(field) offsetof(struct pil_settings, field)

static const struct row rows[] = {
    {"socket", KIND_PATH, AT(socket), 1, PIL_SOCKET_MAX, NULL, PIL_DEFAULT_SOCKET,
     "an absolute path of at most 107 bytes"},
    {"abstract", KIND_TEXT, AT(abstract), 0, PIL_SOCKET_MAX, NULL, PIL_DEFAULT_ABSTRACT,
     "\"@name\" of at most 107 bytes, or \"\" for none"},
    {"socket_mode", KIND_MODE, AT(socket_mode), 0, 0777, NULL, "0666", "an octal mode 0..0777"},
    {"policy", KIND_LIST, AT(policy), 0, PIL_LIST_MAX, NULL, PIL_DEFAULT_POLICY_DIR,
     "a list of files and directories"},
    {"user", KIND_TEXT, AT(user), 0, 255, NULL, "", "a user name, or \"\" to stay"},
    {"group", KIND_TEXT, AT(group), 0, 255, NULL, "", "a group name, or \"\" for the user's own"},
    {"control_group", KIND_TEXT, AT(control_group), 0, 255, NULL, "", "a group name, or \"\""},
    {"host_id", KIND_TEXT, AT(host_id), 0, 255, NULL, "", "a text of at most 255 bytes"},
    {"pidfile", KIND_TEXT, AT(pidfile), 0, 4095, NULL, "", "a path, or \"\" for none"},
    {"log", KIND_TEXT, AT(log), 1, 4095, NULL, "stderr", "a path, or \"stderr\""},
    {"log_allows", KIND_WORD, AT(log_allows), 0, 0, allows_words, "all", "all, denials"},
    {"on_full", KIND_WORD, AT(on_full), 0, 0, on_full_words, "drop", "drop, block, deny"},
    {"log_buffer", KIND_SIZE, AT(log_buffer), 65536, 67108864, NULL, "1M", "64K..64M"},
    {"verdict_ttl", KIND_TIME, AT(verdict_ttl), 0, 3600000, NULL, "10s", "0s..1h"},
    {"deadline", KIND_TIME, AT(deadline), 1, 60000, NULL, "250ms", "1ms..60s"},
    {"max_age", KIND_TIME, AT(max_age), 0, 2592000000u, NULL, "0s", "0s (for ever)..30d"},
    {"switch", KIND_TEXT, AT(kill_switch), 0, 4091, NULL, PIL_DEFAULT_SWITCH,
     "an absolute path, or \"\" for none"},
    {"watch", KIND_BOOL, AT(watch), 0, 1, NULL, "yes", "yes, no"},
    {"sessions", KIND_COUNT, AT(sessions), 16, 1000000, NULL, "8192", "16..1000000"},
    {"sessions_per_uid", KIND_COUNT, AT(sessions_per_uid), 1, 1000000, NULL, "4096", "1..1000000"},
    {"host_cache", KIND_COUNT, AT(host_cache), 64, 1048576, NULL, "4096", "64..1048576"},
    {"hash_size", KIND_SIZE, AT(hash_size), 1024, 4294967295u, NULL, "1G", "1K..4095M"},
    {"metrics", KIND_LIST, AT(metrics), 0, 8, NULL, NULL,
     "a list of \"127.0.0.1:PORT\", \"[::1]:PORT\" or \"unix:/path\""},
    {"state", KIND_PATH, AT(state), 1, 3800, NULL, PIL_DEFAULT_STATE, "an absolute path"},
    {"identity", KIND_WORD, AT(identity), 0, 0, source_words, "ca", "ca, files"},
    {"identity_files", KIND_LIST, AT(identity_files), 0, 3, NULL, NULL,
     "a folder, one PEM file, or certificate, key and roots in this order"},
    {"identity_lifetime", KIND_SECONDS, AT(identity_lifetime), 2, 2592000, NULL, "1h", "2s..30d"},
    {"root_lifetime", KIND_SECONDS, AT(root_lifetime), 8, 315360000, NULL, "365d", "8s..3650d"},
    {"trust", KIND_LIST, AT(trust), 0, 32, NULL, NULL, "a list of at most 32 PEM files"},
    {"handshake_timeout", KIND_TIME, AT(handshake_timeout), 100, 60000, NULL, "10s", "100ms..60s"},
    {"record_path", KIND_WORD, AT(record_path), 0, 0, path_words, "auto", "auto, relay"},
    {"resume", KIND_BOOL, AT(resume), 0, 1, NULL, "yes", "yes, no"},
    {"peer_expiry", KIND_WORD, AT(peer_expiry), 0, 0, expiry_words, "keep", "keep, cut"},
};

static const struct row *row_find(const char *name)
{
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int pil_list_add(struct pil_list *list, const char *item)
{
    char **grown = realloc(list->item, (list->count + 1) * sizeof(*grown));

    if (!grown)
        return PIL_E_NOMEM;
    list->item = grown;
    grown[list->count] = strdup(item);
    if (!grown[list->count])
        return PIL_E_NOMEM;
    list->count++;
    return PIL_OK;
}

void pil_list_free(struct pil_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct pil_list){0};
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"", 1}, {"K", 1024}, {"M", 1048576}, {"G", 1073741824}, {NULL, 0},
};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

/* Digits and a unit; false for anything else, and for what does not fit. */
static bool parse_amount(const char *text, const struct unit *unit, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (at == text)
        return false;
    for (; unit->suffix; unit++)
        if (strcmp(at, unit->suffix) == 0) {
            *out = value * unit->factor;
            return true;
        }
    return false;
}

static bool parse_mode(const char *text, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '7')
        return false;
    *out = strtoul(text, &end, 8);
    return *end == '\0';
}

static bool parse_word(const char *text, const char *const *word, uint64_t *out)
{
    for (unsigned i = 0; word[i]; i++)
        if (strcmp(word[i], text) == 0) {
            *out = i;
            return true;
        }
    return false;
}

static bool parse_bool(const char *text, uint64_t *out)
{
    static const char *const words[] = {"no", "yes", "off", "on", "false", "true", NULL};

    if (!parse_word(text, words, out))
        return false;
    *out &= 1;
    return true;
}

static bool parse_number(const struct row *row, const char *text, uint64_t *out)
{
    switch (row->kind) {
    case KIND_TIME:
        return parse_amount(text, time_units, out) && *out >= row->low && *out <= row->high;
    case KIND_SECONDS:
        if (!parse_amount(text, time_units, out) || *out % 1000 != 0)
            return false;
        *out /= 1000;
        return *out >= row->low && *out <= row->high;
    case KIND_SIZE:
        return parse_amount(text, size_units, out) && *out >= row->low && *out <= row->high;
    case KIND_COUNT:
        return parse_amount(text, no_units, out) && *out >= row->low && *out <= row->high;
    case KIND_MODE:
        return parse_mode(text, out) && *out <= row->high;
    case KIND_WORD:
        return parse_word(text, row->words, out);
    default:
        return parse_bool(text, out);
    }
}

static bool text_legal(const struct row *row, const char *text)
{
    size_t len = strlen(text);

    if (len < row->low || len > row->high)
        return false;
    if (row->kind == KIND_PATH)
        return text[0] == '/';
    if (row->offset == AT(kill_switch) && len > 0)
        return text[0] == '/';
    if (row->offset == AT(abstract) && len > 0)
        return text[0] == '@' && len > 1;
    return true;
}

/* Stores one value; PIL_E_SYNTAX when it is not legal for its row. */
static int store(struct pil_settings *out, const struct row *row, const char *text)
{
    char *at = (char *)out + row->offset;
    uint64_t number;

    if (row->kind == KIND_LIST) {
        struct pil_list *list = (struct pil_list *)at;

        if (text[0] == '\0' || list->count >= row->high)
            return PIL_E_SYNTAX;
        return pil_list_add(list, text);
    }
    if (row->kind == KIND_TEXT || row->kind == KIND_PATH) {
        char *copy;

        if (!text_legal(row, text))
            return PIL_E_SYNTAX;
        copy = strdup(text);
        if (!copy)
            return PIL_E_NOMEM;
        free(*(char **)at);
        *(char **)at = copy;
        return PIL_OK;
    }
    if (!parse_number(row, text, &number))
        return PIL_E_SYNTAX;
    if (row->kind == KIND_BOOL)
        *(bool *)at = number != 0;
    else
        *(uint32_t *)at = (uint32_t)number;
    return PIL_OK;
}

int pil_settings_init(struct pil_settings *out)
{
    *out = (struct pil_settings){0};
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        if (rows[i].initial && store(out, &rows[i], rows[i].initial)) {
            pil_settings_free(out);
            return PIL_E_NOMEM;
        }
    return PIL_OK;
}

void pil_settings_free(struct pil_settings *settings)
{
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        char *at = (char *)settings + rows[i].offset;

        if (rows[i].kind == KIND_LIST)
            pil_list_free((struct pil_list *)at);
        else if (rows[i].kind == KIND_TEXT || rows[i].kind == KIND_PATH)
            free(*(char **)at);
    }
    *settings = (struct pil_settings){0};
}

int pil_settings_set(struct pil_settings *out, const char *name, const char *value, bool more,
                     struct pil_diag *diag)
{
    const struct row *row = row_find(name);
    struct pil_at nowhere = {0};
    int err;

    if (!row) {
        pil_diag_error(diag, nowhere, "unknown setting \"%s\"", name);
        return PIL_E_SYNTAX;
    }
    if (row->kind == KIND_LIST && !more)
        pil_list_free((struct pil_list *)((char *)out + row->offset));
    err = store(out, row, value);
    if (err == PIL_E_SYNTAX)
        pil_diag_error(diag, nowhere, "%s = \"%s\"; legal is %s", name, value, row->legal);
    return err;
}

/* ---- the file --------------------------------------------------------------------------------
 *
 * libconfuse stops at the first unknown name. To tell all of them, each one met is told, added to
 * the options as something that swallows its value, and the file is read again; `told` keeps a
 * message from being repeated.
 */
struct load {
    struct pil_diag *diag;
    const char *path;
    struct pil_settings fresh;
    bool seen[PIL_NELEM(rows)];
    char *unknown[UNKNOWN_MAX];
    unsigned unknowns;
    unsigned bad_items; /* of the list being read */
    bool again;         /* another unknown name was met */
    bool dry; /* telling what libconfuse itself refuses; values are judged in the last pass */
    int err;
};

static struct load *loading; /* libconfuse's callbacks carry no cookie; one load at a time */

static struct pil_at place(const cfg_t *cfg)
{
    return (struct pil_at){loading->path, cfg ? (unsigned)cfg->line : 0};
}

/* Takes the name out of libconfuse's "no such option 'name'". */
static bool unknown_name(cfg_t *cfg, const char *message)
{
    static const char lead[] = "no such option '";
    const char *end;
    char *name;

    if (strncmp(message, lead, sizeof(lead) - 1) != 0 || loading->unknowns == UNKNOWN_MAX)
        return false;
    message += sizeof(lead) - 1;
    end = strrchr(message, '\'');
    name = end ? strndup(message, (size_t)(end - message)) : NULL;
    if (!name)
        return false;
    loading->unknown[loading->unknowns++] = name;
    loading->again = true;
    pil_diag_error(loading->diag, place(cfg), "unknown setting \"%s\"; policyd.conf(5) lists them",
                   name);
    return true;
}

static void on_error(cfg_t *cfg, const char *format, va_list args) PIL_PRINTF(2, 0);
static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, args);
    if (!loading->dry || unknown_name(cfg, text))
        return;
    pil_diag_error(loading->diag, place(cfg),
                   "%s; legal is \"name = value\" or \"name = {value, "
                   "value}\"",
                   text);
    loading->err = PIL_E_SYNTAX;
}

static void take_value(cfg_t *cfg, const struct row *row, const char *value)
{
    int err = store(&loading->fresh, row, value ? value : "");

    if (err == PIL_E_SYNTAX)
        pil_diag_error(loading->diag, place(cfg), "%s = \"%s\"; legal is %s", row->name,
                       value ? value : "", row->legal);
    else if (err)
        loading->err = err;
}

/* libconfuse calls for each item and once more at the end, and starts over at a second "=": the
 * list is copied anew each time, and only an item that is new is told about. */
static void take_list(cfg_t *cfg, cfg_opt_t *opt, const struct row *row)
{
    struct pil_list *list = (struct pil_list *)((char *)&loading->fresh + row->offset);
    unsigned count = cfg_opt_size(opt);
    bool told = list->count + loading->bad_items >= count && loading->seen[row - rows];

    pil_list_free(list);
    loading->bad_items = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *item = cfg_opt_getnstr(opt, i);

        if (i + 1 == count && !told)
            take_value(cfg, row, item);
        else if (store(&loading->fresh, row, item) == PIL_E_NOMEM)
            loading->err = PIL_E_NOMEM;
    }
    loading->bad_items = count - (unsigned)list->count;
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
    const struct row *row = row_find(opt->name);
    unsigned count = cfg_opt_size(opt);

    if (loading->dry || !row)
        return 0;
    if (row->kind == KIND_LIST)
        take_list(cfg, opt, row);
    else if (loading->seen[row - rows])
        pil_diag_error(loading->diag, place(cfg), "%s is set twice; legal is once", row->name);
    if (row->kind != KIND_LIST && count > 0)
        take_value(cfg, row, cfg_opt_getnstr(opt, count - 1));
    loading->seen[row - rows] = true;
    return 0;
}

static void fill_options(cfg_opt_t *opts)
{
    static char list_default[] = "{}";
    size_t n = 0;

    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        opts[n++] = rows[i].kind == KIND_LIST
                        ? (cfg_opt_t)CFG_STR_LIST((char *)rows[i].name, list_default, CFGF_NONE)
                        : (cfg_opt_t)CFG_STR((char *)rows[i].name, NULL, CFGF_NONE);
    for (unsigned i = 0; i < loading->unknowns; i++)
        opts[n++] = (cfg_opt_t)CFG_STR_LIST((char *)loading->unknown[i], list_default, CFGF_NONE);
    opts[n] = (cfg_opt_t)CFG_END();
}

/* One pass over the open file. */
static void pass(FILE *file)
{
    cfg_opt_t opts[PIL_NELEM(rows) + UNKNOWN_MAX + 1];
    cfg_t *cfg;

    fill_options(opts);
    loading->again = false;
    rewind(file);
    cfg = cfg_init(opts, CFGF_NONE);
    if (!cfg) {
        loading->err = PIL_E_NOMEM;
        return;
    }
    cfg_set_error_function(cfg, on_error);
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        cfg_set_validate_func(cfg, rows[i].name, on_value);
    cfg_parse_fp(cfg, file);
    cfg_free(cfg);
}

/* Settings decide what runs as root, so nobody else may be able to write them. */
static FILE *open_settings(struct load *l)
{
    struct pil_at at = {l->path, 0};
    struct stat st;
    int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        pil_diag_error(l->diag, at, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 022) &&
        (st.st_uid == 0 || st.st_uid == geteuid()))
        return fdopen(fd, "r");
    pil_diag_error(l->diag, at,
                   "mode %04o, owner %u; legal is a regular file of root or of the "
                   "user policyd is started as, writable by its owner alone",
                   st.st_mode & 07777, st.st_uid);
    close(fd);
    return NULL;
}

static void run_passes(struct load *l, FILE *file)
{
    loading = l;
    l->dry = true;
    do
        pass(file);
    while (l->again && !l->err);
    l->dry = false;
    if (l->err != PIL_E_NOMEM)
        pass(file);
    loading = NULL;
}

static int copy_into(const struct pil_settings *from, struct pil_settings *to)
{
    *to = *from;
    for (size_t i = 0; i < PIL_NELEM(rows); i++)
        memset((char *)to + rows[i].offset, 0,
               rows[i].kind == KIND_LIST                                ? sizeof(struct pil_list)
               : rows[i].kind == KIND_TEXT || rows[i].kind == KIND_PATH ? sizeof(char *)
                                                                        : 0);
    for (size_t i = 0; i < PIL_NELEM(rows); i++) {
        const void *at = (const char *)from + rows[i].offset;
        const struct pil_list *list = at;
        int err = PIL_OK;

        if (rows[i].kind == KIND_TEXT || rows[i].kind == KIND_PATH)
            err = store(to, &rows[i], *(char *const *)at);
        for (size_t k = 0; rows[i].kind == KIND_LIST && !err && k < list->count; k++)
            err = store(to, &rows[i], list->item[k]);
        if (err)
            return err;
    }
    return PIL_OK;
}

/* What only the file as a whole can be wrong about. */
static void check_whole(const struct load *l)
{
    size_t files = l->fresh.identity_files.count;

    if (l->fresh.identity == PIL_IDENTITY_FILES && files != 1 && files != 3)
        pil_diag_error(l->diag, (struct pil_at){l->path, 0},
                       "identity = files with %zu identity_files; legal is a folder, one PEM file, "
                       "or certificate, key and roots",
                       files);
}

int pil_settings_load(const char *path, struct pil_diag *diag, struct pil_settings *out)
{
    struct load l = {.diag = diag, .path = path};
    unsigned before = diag->errors;
    FILE *file = open_settings(&l);

    if (!file)
        return PIL_E_SYNTAX;
    l.err = copy_into(out, &l.fresh);
    if (!l.err)
        run_passes(&l, file);
    fclose(file);
    if (!l.err && diag->errors == before)
        check_whole(&l);
    for (unsigned i = 0; i < l.unknowns; i++)
        free(l.unknown[i]);
    if (!l.err && diag->errors > before)
        l.err = PIL_E_SYNTAX;
    if (l.err) {
        pil_settings_free(&l.fresh);
        return l.err;
    }
    pil_settings_free(out);
    *out = l.fresh;
    return PIL_OK;
}
