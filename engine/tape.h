// The autograd tape: append-only, the order of execution is the order. No graph, no sort, no recursion; one step is
// reset(), forward (ops record themselves), seed() by the losses, backward().
//
// An op is one function: it computes y from the arena and records how to go back.
//
//   Value dense(Tape& tape, Value x, Value w, Value b, Activation act) {
//     Tensor y = ...;
//     return tape.record(y, {x, w, b}, [=](Tape& tape, const Tensor& dy, const GradSlot* dx) { ... });
//   }
//
// A slot that nobody wants has GradMode::ignore: the first layer never computes its input's gradient. Losses compute
// value and gradient in one pass, so they are not recorded: they write into seed(x) at once.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include "engine/arena.h"
#include "engine/loss_sum.h"
#include "engine/parameters.h"
#include "engine/tensor.h"
#include "kernels/grad_mode.h"

namespace plait {

// A tensor with its place on the tape; node < 0: a constant, nothing flows back.
struct Value {
  Tensor data;
  int node = -1;
};

// Where a backward function writes the gradient of one input.
struct GradSlot {
  Tensor tensor;
  GradMode mode = GradMode::ignore;

  bool wanted() const { return mode != GradMode::ignore; }
  template <class T>
  GradSlice<T> slice() const {
    return wanted() ? GradSlice<T>{tensor.as<T>(), mode} : GradSlice<T>{};
  }
};

class Tape {
 public:
  // recording = false: forward only (inference); record() then keeps nothing.
  explicit Tape(Arena& arena, bool recording = true);
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // Begins a step: everything recorded and every arena tensor becomes invalid.
  void reset();

  Arena& arena() { return arena_; }

  // Where a loss kernel writes its value: the host's memory on the CPU, the device's on a GPU. Valid until reset().
  double* loss_slot();
  // The slots' array, for whoever carries it to the host, with room behind them for other numbers of a step.
  static constexpr std::size_t loss_slots = 28, step_numbers = 32;
  double* loss_memory() const { return static_cast<double*>(losses_.data()); }

  // Results recorded between the two do not depend on those of other branches: on a GPU they may run side by side. What
  // uses results of several branches comes after join_branches().
  void begin_branch(int i);
  void join_branches();
  bool recording() const { return recording_; }

  // A leaf of the model. Its gradient is the slice of the flat gradient buffer.
  Value parameter(const ParameterStore& store, int index);

  // A leaf whose gradient the caller wants to read after backward() (gradient checks, attribution).
  Value variable(const Tensor& data);
  const Tensor& gradient(const Value& value) const;

  // Attribution: from here on the leaves are what enters the network, and parameters are constants.
  void differentiate_inputs() { input_leaves_ = true; }
  bool differentiates_inputs() const { return recording_ && input_leaves_; }
  // What enters the network: a constant, or a variable where inputs are the leaves.
  Value input(const Tensor& data) { return differentiates_inputs() ? variable(data) : Value{data}; }

  template <class Backward>
  Value record(const Tensor& y, std::initializer_list<Value> inputs, Backward backward) {
    return record(y, std::span<const Value>(inputs.begin(), inputs.size()), backward);
  }
  // backward(Tape&, const Tensor& dy, const GradSlot* dx): dx[i] belongs to inputs[i]. A plain closure over tensors and
  // numbers: it is copied into the arena and never destroyed.
  template <class Backward>
  Value record(const Tensor& y, std::span<const Value> inputs, Backward backward) {
    static_assert(std::is_trivially_destructible_v<Backward> && std::is_trivially_copyable_v<Backward>);
    if (!recording_ || !wants_gradient(inputs)) return {y, -1};
    void* closure = new (host_.bytes(sizeof(Backward))) Backward(backward);
    return append(y, inputs, closure, [](void* f, Tape& tape, const Tensor& dy, const GradSlot* dx) {
      (*static_cast<Backward*>(f))(tape, dy, dx);
    });
  }

  // The place for a loss to write its gradient with respect to x, during forward.
  GradSlot seed(const Value& x);

  // Runs everything back. grad_ready is called with a parameter's index once its gradient is complete, in the order of
  // backward. accumulate: parameter gradients are added to what the flat buffer holds.
  void backward(bool accumulate = false);
  void set_grad_ready(std::function<void(int parameter)> hook) { grad_ready_ = std::move(hook); }

  // Shows f(const Tensor& result, int parameter) every recorded result in order; parameter: the first one that it was
  // computed with, -1 for none.
  template <class F>
  void visit_layers(const F& f) const {
    for (const Node& node : nodes_) {
      if (node.run == nullptr) continue;
      int parameter = -1;
      for (int i = 0; i < node.input_count && parameter < 0; ++i)
        if (node.inputs[i] >= 0) parameter = nodes_[static_cast<std::size_t>(node.inputs[i])].parameter;
      f(node.data, parameter);
    }
  }

  // Shows f(const Tensor&) every recorded result in order: a gradient check reads from them which side of each kink
  // the forward pass took.
  template <class F>
  void visit_results(const F& f) const {
    for (const Node& node : nodes_)
      if (node.run != nullptr) f(node.data);
  }

 private:
  using RunBackward = void (*)(void* closure, Tape& tape, const Tensor& dy, const GradSlot* dx);
  struct Node {
    Tensor data, grad;
    bool touched = false;  // somebody has written grad in this backward
    int parameter = -1;
    int* inputs = nullptr;
    int input_count = 0;
    void* closure = nullptr;
    RunBackward run = nullptr;
    int branch = -1;  // -1: the main stream
    const char* op = nullptr;
  };
  bool wants_gradient(std::span<const Value> inputs) const;
  Value append(const Tensor& y, std::span<const Value> inputs, void* closure, RunBackward run);
  GradSlot slot(Node& node, bool accumulate);
  void run_node(Node& node, bool accumulate);
  void enter_branch(int i);

  Arena& arena_;
  bool recording_;
  bool input_leaves_ = false;
  Arena host_;  // closures and lists of inputs
  Buffer losses_;
  std::size_t losses_used_ = 0;
  int branch_ = -1;             // that is being recorded, or run back
  unsigned open_branches_ = 0;  // bit i: begun and not joined
  std::vector<Node> nodes_;
  std::vector<int> leaf_of_parameter_;
  std::vector<GradSlot> slots_;  // of the node that runs; kept for its capacity
  std::function<void(int)> grad_ready_;
};

}  // namespace plait
