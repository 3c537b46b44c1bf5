// sources: conf/switch.c core/err.c
/*
 * The kill switch's file: any bytes are read without a fault, what is refused means on and has a
 * sentence, and what was read holds no control characters.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/switch.h"
#include "core/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text)
{
    need(strlen(text) < PIL_SWITCH_TEXT);
    for (; *text; text++)
        need((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pil_switch_order order;
    char problem[512] = "";
    int err = pil_switch_parse((const char *)data, len, &order, problem, sizeof(problem));

    need(order.mode < PIL_SWITCH_MODES && order.until >= 0);
    need(err == PIL_OK || (err == PIL_E_SYNTAX && order.mode == PIL_SWITCH_ON && problem[0]));
    check_text(order.by);
    check_text(order.reason);
    check_text(problem);
    return 0;
}
