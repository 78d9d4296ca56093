// cuBLASLt, the way its documentation advises: descriptors and algorithms chosen ahead, 64 MiB of workspace.
// It works by columns: our row-major c = op(a) op(b) is its c' = op(b') op(a'), where x' is x read by columns.
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "bench/gpu/memory.h"
#include "bench/gpu/rivals.h"

namespace plait::bench {
namespace {

constexpr std::int64_t workspace_bytes = std::int64_t{64} << 20;
constexpr int most_choices = 8;

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuBLASLt, ") + what + ": status " + std::to_string(static_cast<int>(status)));
}

struct Handle {
  cublasLtHandle_t handle = nullptr;
  Scratch workspace{workspace_bytes};
  Handle() { check(cublasLtCreate(&handle), "its handle"); }
  ~Handle() { cublasLtDestroy(handle); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

// One matrix as stored by rows, told by columns.
struct Layout {
  cublasLtMatrixLayout_t layout = nullptr;
  Layout(cudaDataType_t type, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
    check(cublasLtMatrixLayoutCreate(&layout, type, static_cast<std::uint64_t>(columns),
                                     static_cast<std::uint64_t>(rows), stride),
          "a layout");
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(layout); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;
};

struct Plan {
  std::shared_ptr<Handle> library = std::make_shared<Handle>();
  std::vector<ProductSet> sets;
  std::vector<cublasLtMatmulDesc_t> operations;  // one a set: a bias's address is part of it
  Layout a, b, c;
  Array<std::uint8_t> mask;  // one bit an output, for the gradient of ReLU
  std::array<cublasLtMatmulHeuristicResult_t, most_choices> found{};
  int count = 0;

  Plan(const gpu::GemmParams& p, ProductType type, ProductEnd end, const std::vector<ProductSet>& all,
       cudaStream_t stream)
      : sets(all),
        a(in_type(type), p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, p.a_stride),
        b(in_type(type), p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, p.b_stride),
        c(out_type(type), p.m, p.n, p.c_stride),
        mask(end == ProductEnd::relu_gradient ? p.m * mask_stride(p) / 8 : 0) {
    if (mask.count() > 0) gpu::set_zero(mask, mask.bytes(), stream);
    for (const ProductSet& set : sets) operations.push_back(operation(p, type, end, set));
    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "a preference");
    const auto most = static_cast<std::size_t>(workspace_bytes);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most);
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(library->handle, operations[0], b.layout, a.layout, c.layout, c.layout,
                                       preference, most_choices, found.data(), &count);
    cublasLtMatmulPreferenceDestroy(preference);
    check(status, "its heuristic");
  }
  ~Plan() {
    for (const cublasLtMatmulDesc_t one : operations) cublasLtMatmulDescDestroy(one);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  void run(int set, int choice, cudaStream_t stream) const {
    const auto s = static_cast<std::size_t>(set);
    const float one = 1.0f, zero = 0.0f;
    check(cublasLtMatmul(library->handle, operations[s], &one, sets[s].b, b.layout, sets[s].a, a.layout, &zero,
                         sets[s].c, c.layout, sets[s].c, c.layout, &found[static_cast<std::size_t>(choice)].algo,
                         library->workspace, static_cast<std::size_t>(workspace_bytes), stream),
          "a product");
  }

 private:
  static cudaDataType_t in_type(ProductType t) {
    return t == ProductType::bf16 || t == ProductType::bf16_to_float ? CUDA_R_16BF : CUDA_R_32F;
  }
  static cudaDataType_t out_type(ProductType t) { return t == ProductType::bf16 ? CUDA_R_16BF : CUDA_R_32F; }
  static std::int64_t mask_stride(const gpu::GemmParams& p) { return (p.n + 127) / 128 * 128; }  // in bits

  cublasLtMatmulDesc_t operation(const gpu::GemmParams& p, ProductType type, ProductEnd end,
                                 const ProductSet& set) const {
    cublasLtMatmulDesc_t desc = nullptr;
    check(cublasLtMatmulDescCreate(&desc, type == ProductType::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
                                   CUDA_R_32F),
          "an operation");
    const auto put = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
      check(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value), "an attribute");
    };
    put(CUBLASLT_MATMUL_DESC_TRANSA, p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    put(CUBLASLT_MATMUL_DESC_TRANSB, p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (end == ProductEnd::bias_relu) {
      put(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_RELU_BIAS);
      put(CUBLASLT_MATMUL_DESC_BIAS_POINTER, set.bias);
    }
    if (end == ProductEnd::relu_gradient) {
      put(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DRELU);
      put(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<const void*>(mask.data()));
      put(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, mask_stride(p));
    }
    return desc;
  }
};

}  // namespace

std::vector<Rival> cublas_products(const gpu::GemmParams& p, ProductType type, ProductEnd end,
                                   const std::vector<ProductSet>& sets, cudaStream_t stream) {
  std::vector<Rival> rivals{{"cublaslt_default", {}}, {"cublaslt_best", {}}};
  try {
    const auto plan = std::make_shared<Plan>(p, type, end, sets, stream);
    for (int i = 0; i < plan->count; ++i) {
      const Call call = [=](int set) { plan->run(set, i, stream); };
      if (i == 0) rivals[0].choices.push_back(call);
      rivals[1].choices.push_back(call);
    }
  } catch (const std::runtime_error& failure) {
    rivals[0].choices = rivals[1].choices = {[what = std::string(failure.what())](int) {
      throw std::runtime_error(what);  // the row tells why the rival has no time
    }};
  }
  return rivals;
}

void add_product_ceilings(Cases& cases, bool small) {
  if (small) return;
  const std::int64_t n = 8192;
  for (const ProductType type : {ProductType::bf16, ProductType::tf32, ProductType::fp32}) {
    const bool half = type == ProductType::bf16;
    cases.push_back({.section = "ceilings",
                     .goal = "",
                     .operation = "product",
                     .dtype = half                        ? "bf16"
                              : type == ProductType::tf32 ? "tf32"
                                                          : "fp32",
                     .shape = "8192x8192x8192",
                     .flops = 2e0 * static_cast<double>(n * n) * static_cast<double>(n),
                     .bytes = 0,
                     .unit = Unit::none,
                     .tolerance = 0,
                     .prepare = [=](cudaStream_t stream) {
                       gpu::GemmParams p{.m = n, .n = n, .k = n, .b_transposed = true};
                       p.a_stride = p.b_stride = p.c_stride = n;
                       const std::int64_t floats = half ? n * n / 2 : n * n;
                       const Array<float> a(floats), b(floats), c(floats);
                       for (int i = 0; i < 2; ++i) {
                         const Array<float>& x = i == 0 ? a : b;
                         const auto seed = static_cast<std::uint32_t>(i + 1);
                         if (half)
                           fill_normal<bf16>(n * n, seed, 1.0f, reinterpret_cast<bf16*>(x.data()), stream);
                         else
                           fill_normal<float>(n * n, seed, 1.0f, x, stream);
                       }
                       Trial trial;
                       trial.rivals = cublas_products(p, type, ProductEnd::plain, {{.a = a, .b = b, .c = c}}, stream);
                       for (Rival& rival : trial.rivals)
                         for (Call& call : rival.choices)
                           call = [=](int set) {
                             (void)a.count(), (void)b.count(), (void)c.count();  // kept alive by this call
                             call(set);
                           };
                       return trial;
                     }});
  }
}

}  // namespace plait::bench
