#include "shim/guard.h"

__thread unsigned pil_guard_depth;
