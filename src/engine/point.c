/* Every method's formula in complex arithmetic, one coordinate at a time.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#define LOOP "engine/point.inc"
#define REAL 1
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"
