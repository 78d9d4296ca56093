// From addresses in the program to what a reader knows: source lines and names of kernels.
#pragma once

#include <string>

namespace plait::simt {

// "gemm.cu:88" of the instruction before a return address, in a function that was inlined "pack.h:19 (called at
// gemm.cu:88)"; the address itself where binutils' addr2line is missing.
std::string source_line(const void* return_address);

// "attention_fusion_kernel<float, 3>".
std::string function_name(const void* function);

}  // namespace plait::simt
