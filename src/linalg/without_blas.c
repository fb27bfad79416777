/* In place of the other files of this folder in a build without BLAS.  SPDX-License-Identifier: MIT */
#include "linalg/gemm.h"

const bool lg_has_blas = false;

lg_blas_hold lg_blas_one_thread(void) { return (lg_blas_hold){ 0, 0 }; }

void lg_blas_restore(lg_blas_hold held) { (void)held; }
