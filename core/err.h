/*
 * One list of everything that can go wrong, with a class to branch on and a text to print.
 *
 * Cost: none; the values are small integers and the texts are constants.
 * Errors: functions of Pillion that can fail return 0 (PIL_OK) or one of these as a positive
 * value of type int. Zero is the only success, so a result can be tested as a truth value.
 * Threads, fork, signals: everything here is safe everywhere.
 */
#ifndef PIL_CORE_ERR_H
#define PIL_CORE_ERR_H

/* What the caller should do about it. */
enum pil_err_class {
    PIL_CLASS_NONE = 0,
    PIL_CLASS_RETRY,    /* may pass by itself: try again later */
    PIL_CLASS_DENY,     /* the answer is no */
    PIL_CLASS_PROTOCOL, /* the other side broke the rules: drop it */
    PIL_CLASS_USAGE,    /* the caller or the operator gave something illegal */
    PIL_CLASS_INTERNAL, /* this side cannot go on with the request */
};

/*     code         class     text */
#define PIL_ERR_LIST(X)                                                                            \
    X(UNREACHABLE, RETRY, "policyd cannot be reached")                                             \
    X(TIMEOUT, RETRY, "policyd did not answer in time")                                            \
    X(REFUSED, DENY, "policyd refused the request")                                                \
    X(MALFORMED, PROTOCOL, "a message or file is malformed")                                       \
    X(TRUNCATED, PROTOCOL, "a message or file ends too early")                                     \
    X(TRAILING, PROTOCOL, "a message or file has bytes after its end")                             \
    X(VERSION, PROTOCOL, "the other side speaks another version")                                  \
    X(CLOSED, RETRY, "the other side closed the channel")                                          \
    X(AGAIN, RETRY, "nothing is there yet")                                                        \
    X(PEER, DENY, "the other side is not who it must be")                                          \
    X(FULL, RETRY, "no room is left")                                                              \
    X(RANGE, USAGE, "a value is out of range")                                                     \
    X(SYNTAX, USAGE, "a value cannot be read")                                                     \
    X(NOTFOUND, USAGE, "no such thing")                                                            \
    X(EXISTS, USAGE, "there is one already")                                                       \
    X(PERMISSION, DENY, "permission denied")                                                       \
    X(UNMET, USAGE, "an obligation cannot be met by this build")                                   \
    X(NOMEM, INTERNAL, "out of memory")                                                            \
    X(SYSTEM, INTERNAL, "a system call failed")                                                    \
    X(INTERNAL, INTERNAL, "internal error")

enum pil_err {
    PIL_OK = 0,
#define PIL_ERR_ENUM(code, class, text) PIL_E_##code,
    PIL_ERR_LIST(PIL_ERR_ENUM)
#undef PIL_ERR_ENUM
        PIL_E_COUNT
};

/* Sentence for a code; "unknown error" for a value that is not on the list. Never NULL. */
const char *pil_err_text(int code);

/* Name of a code as it stands in logs: "UNREACHABLE", "TIMEOUT", ... Never NULL. */
const char *pil_err_name(int code);

/* Class of a code; PIL_CLASS_INTERNAL for a value that is not on the list. */
enum pil_err_class pil_err_class(int code);

#endif
