// A cohort on the device beside the same one packed by the host, batch by batch: nothing may tell them apart. The same
// bits, because both subtract and multiply the same floats in the same order (kernels/gather.h) and bf16 is rounded
// from them.
#include "engine/train/resident_cohort.h"

#include <gtest/gtest.h>

#include "engine/ops/modality_input.h"
#include "engine/train/device_batch.h"
#include "engine/train/gpu_step.h"
#include "io/data/loader.h"
#include "study/prediction.h"
#include "study/training.h"
#include "tests/support/device_test.h"
#include "tests/support/image_cohort.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

using test::image_cohort;
using test::image_config;
using test::patient_range;

class Resident : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  }
  void TearDown() override {
    for (const std::string& report : testing::take_device_reports()) ADD_FAILURE() << report;
  }
};

// Rows of a tensor in the device's memory, without padding, as bytes.
std::vector<std::byte> bytes_of(const Tensor& t, const Device& device) {
  if (t.empty()) return {};
  const std::size_t size = dtype_size(t.dtype), row = static_cast<std::size_t>(t.row_stride) * size,
                    used = static_cast<std::size_t>(t.columns()) * size;
  std::vector<std::byte> all(static_cast<std::size_t>(t.rows()) * row), kept;
  gpu::copy_to_host(all.data(), t.data, all.size(), device.stream());
  device.synchronize();
  for (std::size_t r = 0; r < static_cast<std::size_t>(t.rows()); ++r)
    kept.insert(kept.end(), all.begin() + static_cast<std::ptrdiff_t>(r * row),
                all.begin() + static_cast<std::ptrdiff_t>(r * row + used));
  return kept;
}

// What the host has after fitting on one cohort and applying the fit to another one, which may lack modalities.
struct Data {
  Cohort trained_on = image_cohort(31), cohort;
  Dataset dataset;
  explicit Data(Cohort other)
      : cohort(std::move(other)), dataset(cohort, fit_preprocess(trained_on, patient_range(0, 31), {})) {}
};

// `hidden`: modalities that the batches do not show although patients have them, as in an ablation.
void expect_same_batches(const Dataset& dataset, const std::vector<std::int64_t>& patients, DType dtype,
                         ModalityMask hidden) {
  const Device device = Device::gpu();
  const ResidentCohort resident(device, dataset.sources());
  ASSERT_TRUE(resident.there());
  Loader packed(dataset, patients, {.batch_size = 8, .seed = 3});
  Loader gathered(dataset, patients, {.batch_size = 8, .seed = 3, .resident = &resident});
  DeviceBatches packed_there(device), gathered_there(device);
  Arena arena(device);
  packed.start_epoch(1), gathered.start_epoch(1);
  int batches = 0;
  const auto hide = [&](const Batch* batch) {
    for (std::int64_t i = 0; i < batch->size; ++i) {
      ModalityMask& mask = batch->available.as<ModalityMask>()[i];
      mask = static_cast<ModalityMask>(mask & ~hidden);
    }
    return batch;
  };
  while (const Batch* on_host = packed.next()) {
    ++batches;
    const Batch *a = &packed_there.upload(*hide(on_host)), *b = &gathered_there.upload(*hide(gathered.next()));
    arena.reset();
    EXPECT_EQ(a->patients, b->patients);
    EXPECT_EQ(a->weight_sum, b->weight_sum);
    for (const auto tensor : {&Batch::available, &Batch::rows, &Batch::targets, &Batch::weights})
      EXPECT_EQ(bytes_of(a->*tensor, device), bytes_of(b->*tensor, device));
    for (std::size_t m = 0; m < dataset.modalities().size(); ++m) {
      const std::string name = dataset.modalities()[m].name + ", batch " + std::to_string(batches);
      const auto input = [&](const Batch& batch, bool observed) {
        return ops::modality_input(arena, batch.modalities[m], batch.available, static_cast<int>(m), dtype, observed);
      };
      const ops::ModalityInput from_host = input(*a, true), from_device = input(*b, true);
      EXPECT_EQ(from_device.values.dtype, dtype);
      EXPECT_EQ(bytes_of(from_host.values, device), bytes_of(from_device.values, device)) << name;
      EXPECT_EQ(from_host.observed.empty(), from_device.observed.empty()) << name;
      // Marks of patients whose modality is hidden differ: nobody reads them.
      EXPECT_TRUE(hidden != 0 || bytes_of(from_host.observed, device) == bytes_of(from_device.observed, device))
          << name;
      EXPECT_TRUE(input(*b, false).observed.empty());
    }
  }
  EXPECT_EQ(gathered.next(), nullptr);
  EXPECT_EQ(batches, (std::ssize(patients) + 7) / 8);
}

TEST_F(Resident, BatchesHoldTheBitsOfTheHosts) {
  const Data data(image_cohort(29));
  for (const DType dtype : {DType::f32, DType::bf16})
    expect_same_batches(data.dataset, patient_range(0, 29), dtype, 0);  // the last batch is padded
  expect_same_batches(data.dataset, {28, 3, 14, 0}, DType::f32, 0b0101);
}

TEST_F(Resident, ACohortWithoutAModalityReadsAsZeros) {
  Cohort poor = image_cohort(17);
  poor.modalities.erase(poor.modalities.begin() + 2);  // the scans
  const Data data(std::move(poor));
  ASSERT_EQ(data.dataset.modalities()[2].rows, 0);
  expect_same_batches(data.dataset, patient_range(0, 17), DType::bf16, 0);
}

// From there on the batches hold values again: the one at hand, the one ahead, all that follow.
TEST_F(Resident, TheHostTakesOverInTheMiddle) {
  const Data data(image_cohort(29));
  const ResidentCohort resident(Device::gpu(), data.dataset.sources());
  for (const bool prefetch : {false, true}) {
    Loader plain(data.dataset, patient_range(0, 29), {.batch_size = 6});
    Loader loader(data.dataset, patient_range(0, 29), {.batch_size = 6, .prefetch = prefetch, .resident = &resident});
    plain.start_epoch(1), loader.start_epoch(1);
    const Batch* batch = nullptr;
    for (int i = 0; const Batch* expected = plain.next(); ++i) {
      batch = loader.next();
      EXPECT_EQ(batch->modalities[0].is_gathered(), i <= 1);
      if (i == 1) loader.pack_on_host();
      if (i < 1) continue;
      for (std::size_t m = 0; m < 4; ++m) {
        ASSERT_FALSE(batch->modalities[m].values.empty());
        EXPECT_TRUE(
            same_bits(elements<float>(batch->modalities[m].values), elements<float>(expected->modalities[m].values)));
      }
      EXPECT_EQ(elements<std::uint8_t>(batch->modalities[0].observed),
                elements<std::uint8_t>(expected->modalities[0].observed));
    }
  }
}

// A gather stands where a selection stood: a step has as many launches, and allocates as little.
TEST_F(Resident, AStepIsOneGraphOfAsManyNodes) {
  const Data data(image_cohort(29));
  const Device device = Device::gpu();
  const ResidentCohort resident(device, data.dataset.sources());
  std::vector<std::size_t> nodes;
  for (const ResidentCohort* source : {&resident, static_cast<const ResidentCohort*>(nullptr)}) {
    const TrainedModel trained =
        build_model(image_config(data.cohort), fit_preprocess(data.trained_on, patient_range(0, 31), {}));
    trained.model->parameters().move_to(device);
    Optimizer optimizer(trained.model->parameters(), {});
    GpuStep step(*trained.model, optimizer, {});
    step.begin(0, std::vector<float>(20, 1e-3f));
    Loader loader(data.dataset, patient_range(0, 29), {.batch_size = 3, .resident = source});
    loader.start_epoch(1);
    std::int64_t blocks = 0;
    for (int i = 0; const Batch* batch = loader.next(); ++i) {
      step.submit(*batch, whole_step);
      if (i == 5) blocks = step.arena().block_allocations();
    }
    EXPECT_EQ(step.arena().block_allocations(), blocks);
    EXPECT_EQ(step.collect(true).size(), 10u);
    nodes.push_back(step.graph_nodes());
  }
  EXPECT_GT(nodes[0], 10u);
  EXPECT_EQ(nodes[0], nodes[1]);
}

struct Trained {
  Training training;
  std::vector<double> losses;  // of every epoch, training and validation
};

Trained train(const Cohort& cohort, const std::vector<std::string>& sets, bool resident) {
  Trained run;
  TrainingHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) {
    run.losses.push_back(record.train.total());
    run.losses.push_back(record.validation.loss);
  };
  const Split split{.train = patient_range(0, 40), .validation = patient_range(40, 50), .test = {}};
  run.training =
      train_model(image_config(cohort, sets), cohort, split, hooks, {.device = Device::gpu(), .resident = resident});
  run.training.trained.model->parameters().download();
  return run;
}

TEST_F(Resident, ATrainingHasTheBitsOfThePackedOne) {
  const Cohort cohort = image_cohort(50);
  for (const std::vector<std::string>& sets :
       {std::vector<std::string>{"model.fusion=hybrid", "train.accumulate=2", "encoder.genes.pretrain_epochs=1"},
        {"model.fusion=early"},
        {"model.fusion=late", "model.late_mean=stacked"},
        {"model.fusion=scan"},
        {"model.fusion=hybrid", "train.precision=bf16"}}) {
    const Trained gathered = train(cohort, sets, true), packed = train(cohort, sets, false);
    EXPECT_EQ(gathered.training.batches.find("gathered on the device"), 0u) << gathered.training.batches;
    EXPECT_EQ(packed.training.batches, "");
    EXPECT_EQ(gathered.losses, packed.losses) << sets[0];
    EXPECT_EQ(gathered.losses.size(), 6u);
    EXPECT_TRUE(same_bits(flat_values<float>(gathered.training.trained.model->parameters()),
                          flat_values<float>(packed.training.trained.model->parameters())))
        << sets[0];
  }
}

TEST_F(Resident, PredictionsAreThoseOfPackedBatches) {
  const Data data(image_cohort(29));
  TrainedModel trained =
      build_model(image_config(data.cohort), fit_preprocess(data.trained_on, patient_range(0, 31), {}));
  MultimodalModel& model = *trained.model;
  randomise_parameters(model.parameters(), 3);
  model.parameters().move_to(Device::gpu());
  const ResidentCohort nothing(Device{}, data.dataset.sources());
  ASSERT_FALSE(nothing.there());
  for (const ModalityMask removed : {ModalityMask{0}, ModalityMask{0b0110}}) {
    const PatientPredictions gathered = predict(model, data.dataset, patient_range(0, 29), {.removed = removed});
    const PatientPredictions packed =
        predict(model, data.dataset, patient_range(0, 29), {.removed = removed, .resident = &nothing});
    EXPECT_EQ(gathered.values, packed.values);
    EXPECT_EQ(gathered.weights, packed.weights);
    EXPECT_EQ(gathered.abstains, packed.abstains);
    EXPECT_EQ(gathered.task_loss, packed.task_loss);
    EXPECT_NE(gathered.values[0], gathered.values[1]);
  }
}

TEST_F(Resident, OnTheCpuThereIsNone) {
  const Data data(image_cohort(29));
  const ResidentCohort resident(Device{}, data.dataset.sources());
  EXPECT_FALSE(resident.there());
  EXPECT_EQ(resident.summary(), "packed by the host");
}

}  // namespace
}  // namespace plait
