// cuDNN 9 through its graph interface, NHWC: the plans that its heuristics propose are all timed, as PyTorch does in
// benchmark mode. Forward is one graph: convolution, bias, ReLU.
#include <cuda_runtime_api.h>
#include <cudnn.h>

#include <memory>
#include <stdexcept>

#include "bench/gpu/memory.h"
#include "bench/gpu/rivals.h"

namespace plait::bench {
namespace {

constexpr std::size_t most_choices = 8;

void check(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuDNN, ") + what + ": " + cudnnGetErrorString(status));
}

struct Handle {
  cudnnHandle_t handle = nullptr;
  explicit Handle(cudaStream_t stream) {
    check(cudnnCreate(&handle), "its handle");
    check(cudnnSetStream(handle, stream), "a stream");
  }
  ~Handle() { cudnnDestroy(handle); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

// A descriptor of cuDNN's graph interface, shared by those that refer to it.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t made = nullptr;
    check(cudnnBackendCreateDescriptor(type, &made), "a descriptor");
    descriptor_ = std::shared_ptr<void>(made, [](cudnnBackendDescriptor_t d) { cudnnBackendDestroyDescriptor(d); });
  }
  cudnnBackendDescriptor_t get() const { return descriptor_.get(); }

  template <class Value>
  Descriptor& put(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  const std::vector<Value>& values) {
    check(cudnnBackendSetAttribute(get(), name, type, static_cast<std::int64_t>(values.size()), values.data()),
          "an attribute");
    return *this;
  }
  Descriptor& number(cudnnBackendAttributeName_t name, std::int64_t value) {
    return put<std::int64_t>(name, CUDNN_TYPE_INT64, {value});
  }
  Descriptor& refer(cudnnBackendAttributeName_t name, const Descriptor& to) {
    kept_.push_back(to.descriptor_);
    return put<cudnnBackendDescriptor_t>(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, {to.get()});
  }
  Descriptor& finalize(const char* what) {
    check(cudnnBackendFinalize(get()), what);
    return *this;
  }

 private:
  std::shared_ptr<void> descriptor_;
  std::vector<std::shared_ptr<void>> kept_;
};

enum Id : std::int64_t { id_x = 1, id_weight, id_y, id_bias, id_between, id_biased };

// dims in the order n, c, h, w; channels are contiguous.
Descriptor tensor(Id id, cudnnDataType_t type, std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w,
                  bool is_virtual = false) {
  Descriptor d(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  d.put<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, {type});
  d.put<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, {n, c, h, w});
  d.put<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, {h * w * c, 1, w * c, c});
  d.number(CUDNN_ATTR_TENSOR_UNIQUE_ID, id).number(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16);
  if (is_virtual) {
    const bool yes = true;
    check(cudnnBackendSetAttribute(d.get(), CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes), "a tensor");
  }
  return d.finalize("a tensor");
}

Descriptor pointwise(cudnnPointwiseMode_t mode, const Descriptor& x, const Descriptor* b, const Descriptor& y) {
  Descriptor kind(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  kind.put<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, {mode});
  kind.put<cudnnDataType_t>(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, {CUDNN_DATA_FLOAT});
  kind.finalize("a pointwise operation");
  Descriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.refer(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
  operation.refer(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x).refer(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  if (b != nullptr) operation.refer(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  return operation.finalize("a pointwise operation");
}

struct ConvolutionNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t convolution, x, weight, y, alpha, beta;
};
ConvolutionNames names_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::input_gradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case ConvPass::weight_gradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case ConvPass::forward:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

Descriptor graph_of(const Conv2dParams& p, ConvPass pass, cudnnDataType_t type, cudnnHandle_t handle) {
  Descriptor convolution(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  using Numbers = std::vector<std::int64_t>;
  convolution.number(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
  convolution.put<cudnnDataType_t>(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, {CUDNN_DATA_FLOAT});
  convolution.put<cudnnConvolutionMode_t>(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
                                          {CUDNN_CROSS_CORRELATION});
  convolution.put(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, Numbers{p.pad, p.pad});
  convolution.put(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, Numbers{p.pad, p.pad});
  convolution.put(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, Numbers{1, 1});
  convolution.put(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, Numbers{1, 1});
  convolution.finalize("a convolution");

  const bool forward = pass == ConvPass::forward;
  const std::int64_t n = p.batch, k = p.out_channels, h = p.out_height(), w = p.out_width();
  const Descriptor x = tensor(id_x, type, n, p.in_channels, p.height, p.width);
  const Descriptor weight = tensor(id_weight, type, k, p.in_channels, p.kernel_height, p.kernel_width);
  const Descriptor y = tensor(id_y, type, n, k, h, w);
  // Between the operations of one graph values stay in fp32 and in no memory.
  const Descriptor between = tensor(id_between, CUDNN_DATA_FLOAT, n, k, h, w, true);
  const ConvolutionNames names = names_of(pass);
  Descriptor operation(names.type);
  operation.refer(names.convolution, convolution).refer(names.x, x).refer(names.weight, weight);
  operation.refer(names.y, forward ? between : y);
  operation.put<float>(names.alpha, CUDNN_TYPE_FLOAT, {1.0f}).put<float>(names.beta, CUDNN_TYPE_FLOAT, {0.0f});
  operation.finalize("a convolution");

  std::vector<Descriptor> operations{operation};
  if (forward) {
    const Descriptor bias = tensor(id_bias, type, 1, k, 1, 1);
    const Descriptor biased = tensor(id_biased, CUDNN_DATA_FLOAT, n, k, h, w, true);
    operations.push_back(pointwise(CUDNN_POINTWISE_ADD, between, &bias, biased));
    operations.push_back(pointwise(CUDNN_POINTWISE_RELU_FWD, biased, nullptr, y));
  }
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  std::vector<cudnnBackendDescriptor_t> all;
  for (const Descriptor& one : operations) all.push_back(one.get());
  graph.put(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, all);
  graph.put<cudnnHandle_t>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, {handle});
  return graph.finalize("a graph");
}

// In float, tensor cores mean tf32: another precision than ours.
bool has_fewer_bits(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t got = engine.get();
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                                 &got),
        "an engine");
  std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  check(cudnnBackendGetAttribute(got, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                 CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes.data()),
        "an engine");
  for (std::int64_t i = 0; i < count; ++i) {
    const cudnnBackendNumericalNote_t note = notes[static_cast<std::size_t>(i)];
    if (note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE || note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) return true;
  }
  return false;
}

struct Plan {
  Descriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
  Scratch workspace{0};
  std::vector<Descriptor> packs;  // one a set
};

// What one mode of the heuristic proposes and what can be planned.
void add_plans(std::vector<Plan>& plans, const Descriptor& graph, cudnnBackendHeurMode_t mode, bool is_bf16,
               cudnnHandle_t handle) {
  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.refer(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.put<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, {mode});
  heuristic.finalize("its heuristic");
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::size_t i = 0; i < 4 * most_choices; ++i) {
    configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(configs.back().get());
  }
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(heuristic.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                 static_cast<std::int64_t>(raw.size()), &count, raw.data()),
        "its heuristic");
  for (std::int64_t i = 0; i < count && plans.size() < most_choices; ++i) {
    const Descriptor& config = configs[static_cast<std::size_t>(i)];
    try {
      if (!is_bf16 && has_fewer_bits(config)) continue;
      Plan plan;
      plan.plan.put<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, {handle});
      plan.plan.refer(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config).finalize("a plan");
      std::int64_t bytes = 0, one = 0;
      check(cudnnBackendGetAttribute(plan.plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                     &one, &bytes),
            "a plan");
      if (bytes > (std::int64_t{1} << 30)) continue;
      plan.workspace = Scratch(bytes);
      plans.push_back(plan);
    } catch (const std::runtime_error&) {
      // proposed, but not possible here: the next
    }
  }
}

Descriptor pack(const ConvSet& set, ConvPass pass, const Scratch& workspace) {
  std::vector<std::int64_t> ids{id_x, id_weight, id_y};
  const auto mutable_of = [](const void* p) { return const_cast<void*>(p); };
  std::vector<void*> pointers{pass == ConvPass::input_gradient ? set.result : mutable_of(set.x),
                              pass == ConvPass::weight_gradient ? set.result : mutable_of(set.weight),
                              pass == ConvPass::forward ? set.result : mutable_of(set.y)};
  if (pass == ConvPass::forward) {
    ids.push_back(id_bias);
    pointers.push_back(mutable_of(set.bias));
  }
  Descriptor d(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  d.put(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids);
  d.put(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers);
  d.put<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, {workspace.data()});
  return d.finalize("pointers");
}

}  // namespace

std::vector<Rival> cudnn_convolutions(const Conv2dParams& p, ConvPass pass, bool is_bf16,
                                      const std::vector<ConvSet>& sets, cudaStream_t stream) {
  Rival rival{"cudnn_best", {}};
  try {
    const auto handle = std::make_shared<Handle>(stream);
    const Descriptor graph = graph_of(p, pass, is_bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, handle->handle);
    std::vector<Plan> plans;
    add_plans(plans, graph, CUDNN_HEUR_MODE_A, is_bf16, handle->handle);
    if (plans.empty()) add_plans(plans, graph, CUDNN_HEUR_MODE_FALLBACK, is_bf16, handle->handle);
    for (Plan& plan : plans) {
      for (const ConvSet& set : sets) plan.packs.push_back(pack(set, pass, plan.workspace));
      rival.choices.push_back([=](int set) {
        check(cudnnBackendExecute(handle->handle, plan.plan.get(), plan.packs[static_cast<std::size_t>(set)].get()),
              "a convolution");
      });
    }
  } catch (const std::runtime_error& failure) {
    rival.choices = {[what = std::string(failure.what())](int) { throw std::runtime_error(what); }};
  }
  return {rival};
}

}  // namespace plait::bench
