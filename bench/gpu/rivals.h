// The libraries we compare with, chosen by the linker: cublas.cpp and cudnn.cpp where the build found them,
// no_cublas.cpp and no_cudnn.cpp otherwise, which add nothing.
#pragma once

#include <vector>

#include "bench/gpu/case.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"

namespace plait::bench {

enum class ProductType { bf16, bf16_to_float, tf32, fp32 };
enum class ProductEnd { plain, bias_relu, relu_gradient };

struct ProductSet {
  const void *a = nullptr, *b = nullptr;
  const void* bias = nullptr;  // of c's type
  void* c = nullptr;
};

// "cublaslt_default": what its heuristic puts first. "cublaslt_best": the fastest of the first eight.
std::vector<Rival> cublas_products(const gpu::GemmParams& p, ProductType type, ProductEnd end,
                                   const std::vector<ProductSet>& sets, cudaStream_t stream);

// The rates that bound arithmetic: a product of 8192 by the library, in each type.
void add_product_ceilings(Cases& cases, bool small);

enum class ConvPass { forward, input_gradient, weight_gradient };

struct ConvSet {
  const void *x = nullptr, *weight = nullptr, *y = nullptr;  // read
  const void* bias = nullptr;                                // of the type of the images
  void* result = nullptr;                                    // y, dx or dweight, of the type of the images
};

// "cudnn_best": the fastest of the first eight plans of its heuristic, NHWC. forward is fused with bias and ReLU.
std::vector<Rival> cudnn_convolutions(const Conv2dParams& p, ConvPass pass, bool is_bf16,
                                      const std::vector<ConvSet>& sets, cudaStream_t stream);

}  // namespace plait::bench
