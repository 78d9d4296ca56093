// Matrix products: squares that fill the chip (G1, G4), layers of clinical models (G3), epilogues (G2).
#include "kernels/gemm.h"

#include "bench/gpu/memory.h"
#include "bench/gpu/reference.h"
#include "bench/gpu/rivals.h"
#include "bench/gpu/shapes.h"

namespace plait::bench {
namespace {

struct Layout {
  const char* name;
  bool a_transposed, b_transposed;
};
constexpr Layout nt{"nt", false, true}, nn{"nn", false, false}, tn{"tn", true, false};

gpu::GemmParams params(const shapes::Product& s, const Layout& layout, bool tf32) {
  return {.m = s.m,
          .n = s.n,
          .k = s.k,
          .a_transposed = layout.a_transposed,
          .b_transposed = layout.b_transposed,
          .a_stride = layout.a_transposed ? s.m : s.k,
          .b_stride = layout.b_transposed ? s.k : s.n,
          .c_stride = s.n,
          .y_stride = s.n,
          .tf32 = tf32};
}

// Rounding of the result to bf16: 1.7e-3 in the mean. Of the operands to tf32: 3e-4. Chains in fp32 of up to 20000
// steps: about 2^-24 sqrt(k), 8e-6.
double tolerance(ProductType type) {
  switch (type) {
    case ProductType::bf16:
      return 3e-3;
    case ProductType::tf32:
      return 1.5e-3;
    case ProductType::bf16_to_float:
    case ProductType::fp32:
      break;
  }
  return 3e-5;
}

template <class T, class Out>
Trial prepare(const gpu::GemmParams& p, ProductType type, ProductEnd end, bool small, cudaStream_t stream) {
  const std::int64_t a_count = p.m * p.k, b_count = p.n * p.k, c_count = p.m * p.n;
  struct Set {
    Array<T> a, b;
    Array<float> bias;
    Array<Out> rival_bias, y, c;
  };
  const bool biased = end == ProductEnd::bias_relu, masked = end == ProductEnd::relu_gradient;
  const double bytes = static_cast<double>((a_count + b_count) * std::int64_t{sizeof(T)} +
                                           c_count * std::int64_t{sizeof(Out)} * (masked ? 2 : 1));
  auto sets = std::make_shared<std::vector<Set>>();
  std::vector<ProductSet> pointers;
  for (int i = 0; i < sets_for(bytes, small); ++i) {
    const auto seed = static_cast<std::uint32_t>(10 * i);
    sets->push_back({normal_array<T>(a_count, seed + 1, stream), normal_array<T>(b_count, seed + 2, stream),
                     normal_array<float>(biased ? p.n : 0, seed + 3, stream),
                     normal_array<Out>(biased ? p.n : 0, seed + 3, stream),
                     normal_array<Out>(masked ? c_count : 0, seed + 4, stream), Array<Out>(c_count)});
    const Set& s = sets->back();
    pointers.push_back({.a = s.a, .b = s.b, .bias = s.rival_bias, .c = s.c});
  }
  const Scratch scratch(static_cast<std::int64_t>(gpu::gemm_workspace_bytes<T>(p)));
  Trial trial{.sets = static_cast<int>(sets->size())};
  trial.ours = [=](int i) {
    const Set& s = (*sets)[static_cast<std::size_t>(i)];
    gpu::gemm<T, Out>(p, s.a, s.b, s.bias, s.y, s.c, scratch, stream);
  };
  trial.rivals = cublas_products(p, type, end, pointers, stream);
  trial.outputs = {(*sets)[0].c.output()};
  trial.error = [=] {
    const Set& s = (*sets)[0];
    return product_error<T, Out>(p, s.a, s.b, s.bias, s.y, s.c, stream);
  };
  return trial;
}

struct Question {
  const char *section, *goal, *operation;
  ProductType type;
  ProductEnd end = ProductEnd::plain;
};

void add(Cases& cases, const Question& q, const shapes::Product& s, const Layout& layout, bool small) {
  gpu::GemmParams p = params(small ? shapes::shrunk(s) : s, layout, q.type == ProductType::tf32);
  if (q.end != ProductEnd::plain) p.activation = Activation::relu;
  const bool half = q.type == ProductType::bf16 || q.type == ProductType::bf16_to_float;
  const double in = half ? 2 : 4, out = q.type == ProductType::bf16 ? 2 : 4;
  const double m = static_cast<double>(p.m), n = static_cast<double>(p.n), k = static_cast<double>(p.k);
  cases.push_back({.section = q.section,
                   .goal = q.goal,
                   .operation = std::string(q.operation) + "_" + layout.name,
                   .dtype = half                          ? "bf16"
                            : q.type == ProductType::tf32 ? "tf32"
                                                          : "fp32",
                   .shape = shapes::Product{p.m, p.n, p.k}.name(),
                   .flops = 2 * m * n * k,
                   .bytes = in * k * (m + n) + out * m * n * (q.end == ProductEnd::relu_gradient ? 2 : 1),
                   .unit = half                          ? Unit::bf16
                           : q.type == ProductType::tf32 ? Unit::tf32
                                                         : Unit::fp32,
                   .tolerance = tolerance(q.type),
                   .prepare = [=, type = q.type, end = q.end](cudaStream_t stream) {
                     if (type == ProductType::bf16) return prepare<bf16, bf16>(p, type, end, small, stream);
                     if (type == ProductType::bf16_to_float) return prepare<bf16, float>(p, type, end, small, stream);
                     return prepare<float, float>(p, type, end, small, stream);
                   }});
}

}  // namespace

void add_gemm(Cases& cases, bool small) {
  const auto squares = [&](const char* goal, ProductType type) {
    for (const shapes::Product& s : shapes::gpu_products)
      for (const Layout& layout : {nt, nn, tn})
        if (type != ProductType::fp32 || s.m <= 4096 || layout.b_transposed)  // 23 ms a call
          add(cases, {"gemm", goal, "gemm", type}, s, layout, small);
  };
  squares("G1", ProductType::bf16);
  for (const shapes::Dense& s : shapes::gpu_denses) {
    const char* goal = s.in >= 1000 ? "G3" : "";
    const shapes::Product forward{s.batch, s.out, s.in}, weight_gradient{s.out, s.in, s.batch};
    for (const ProductType type : {ProductType::bf16, ProductType::tf32, ProductType::fp32}) {
      add(cases, {"gemm", goal, "dense_forward", type}, forward, nt, small);
      add(cases, {"gemm", goal, "dense_weight_gradient", type == ProductType::bf16 ? ProductType::bf16_to_float : type},
          weight_gradient, tn, small);
    }
  }
  squares("G4", ProductType::tf32);
  squares("G4", ProductType::fp32);
}

void add_dense(Cases& cases, bool small) {
  for (const ProductType type : {ProductType::bf16, ProductType::tf32})
    for (const shapes::Dense& s : shapes::gpu_epilogues) {
      add(cases, {"dense", "G2", "dense_bias_relu", type, ProductEnd::bias_relu}, {s.batch, s.out, s.in}, nt, small);
      add(cases, {"dense", "G2", "dense_input_gradient_relu", type, ProductEnd::relu_gradient}, {s.batch, s.in, s.out},
          nn, small);
    }
}

}  // namespace plait::bench
