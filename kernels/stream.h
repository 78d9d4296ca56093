// A stream of GPU work as the contracts name it: CUDA's own handle, declared without CUDA's headers. On the SIMT
// executor the same pointer stands for the executor's stream.
#pragma once

struct CUstream_st;
typedef struct CUstream_st* cudaStream_t;  // the same type as CUDA's
