// PLAIT_HD marks scalar mathematics that is written once and compiled for host and device alike.
#pragma once

#ifdef __CUDACC__
#define PLAIT_HD __host__ __device__ inline
#else
#define PLAIT_HD inline
#endif
