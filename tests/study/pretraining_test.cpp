// Pretraining of denoising autoencoders: what it learns, on whom, and what it leaves alone.
#include "study/pretraining.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "io/data/loader.h"
#include "tests/support/small_models.h"
#include "tests/support/study_cohort.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

struct Pretrained {
  explicit Pretrained(const std::vector<std::string>& sets, const std::vector<std::int64_t>& patients) {
    std::vector<std::string> all = {"encoder.genes.pretrain_epochs=8"};
    all.insert(all.end(), sets.begin(), sets.end());
    trained = build_model(test::study_config(cohort, all), fit_preprocess(cohort, test::patient_range(0, 40), {}));
    const Dataset dataset(cohort, trained.fit);
    initial = flat_values<float>(trained.model->parameters());
    pretrain(*trained.model, trained.config.train, dataset, patients,
             {.epoch_done = [&](const std::string& modality, const EpochRecord& record, std::int64_t epochs) {
               modalities.push_back(modality);
               losses.push_back(record.train.reconstruction);
               EXPECT_EQ(epochs, 8);
               EXPECT_EQ(record.train.total(), record.train.reconstruction) << "no task, no L2, no alignment";
             }});
  }
  const ParameterStore& store() const { return trained.model->parameters(); }
  bool changed(int index) const {
    const Parameter& p = store().parameter(index);
    const std::vector<float> now = flat_values<float>(store());
    return !std::equal(now.begin() + p.offset, now.begin() + p.offset + p.shape.rows() * p.row_stride,
                       initial.begin() + p.offset);
  }
  bool unchanged() const { return same_bits(flat_values<float>(store()), initial); }

  Cohort cohort = test::study_cohort(40);
  TrainedModel trained;
  std::vector<float> initial;
  std::vector<std::string> modalities;
  Numbers losses;
};

TEST(Pretraining, OnlyTheAutoencoderLearns) {
  const Pretrained done({"train.learning_rate=0.02"}, test::patient_range(0, 40));
  EXPECT_EQ(done.modalities, std::vector<std::string>(8, "genes"));
  for (int i = 0; i < done.store().size(); ++i) {
    const std::string& name = done.store().parameter(i).name;
    const bool autoencoder = name.starts_with("encoder.genes.") || name.starts_with("decoder.genes.");
    EXPECT_EQ(done.changed(i), autoencoder) << name;
  }
  ASSERT_EQ(done.losses.size(), 8u);
  EXPECT_LT(done.losses.back(), 0.9 * done.losses.front());
}

// The second autoencoder's turn must not move the first one: what the first one learns does not depend on it.
TEST(Pretraining, OneAutoencoderLeavesTheOtherAlone) {
  const Pretrained both({"encoder.proteins.type=dae", "encoder.proteins.pretrain_epochs=8"},
                        test::patient_range(0, 40));
  ASSERT_EQ(both.modalities.size(), 16u);
  EXPECT_EQ(both.modalities.back(), "proteins");
  const Pretrained without_second({"encoder.proteins.type=dae", "encoder.proteins.reconstruction=0.1"},
                                  test::patient_range(0, 40));
  for (int i = 0; i < both.store().size(); ++i) {
    const Parameter& p = both.store().parameter(i);
    if (p.name.find(".genes.") == std::string::npos) continue;
    const Tensor a = without_second.store().value(i), b = both.store().value(i);
    EXPECT_TRUE(same_bits(elements<float>(a), elements<float>(b))) << p.name;
  }
}

// In the training that follows, a decoder without a weight has no gradient but that of L2, in every step anew.
TEST(Pretraining, ADecoderWithoutAWeightKeepsNoOldGradient) {
  const Pretrained done({"encoder.genes.reconstruction=0.0"}, test::patient_range(0, 40));
  MultimodalModel& model = *done.trained.model;
  ParameterStore& store = model.parameters();
  std::fill_n(static_cast<float*>(store.gradients()), store.flat_count(), 7.0f);
  const Dataset dataset(done.cohort, done.trained.fit);
  Loader loader(dataset, test::patient_range(0, 8), {.batch_size = 8});
  loader.start_epoch(1);
  Trainer trainer(model, done.trained.config.train);
  trainer.accumulate(*loader.next(), true);
  for (int i = 0; i < store.size(); ++i) {
    const std::vector<float> gradient = elements<float>(store.gradient(i));
    const bool decoder = store.parameter(i).name.starts_with("decoder.");
    EXPECT_EQ(std::count(gradient.begin(), gradient.end(), 7.0f), 0) << store.parameter(i).name;
    EXPECT_TRUE(!decoder || std::count(gradient.begin(), gradient.end(), 0.0f) == std::ssize(gradient));
  }
}

TEST(Pretraining, ModelsThatDoNotReadTheModalityAreLeftAlone) {
  for (const char* fusion : {"model.fusion=early", "model.fusion=proteins"}) {
    const Pretrained done({fusion}, test::patient_range(0, 40));
    EXPECT_TRUE(done.unchanged() && done.losses.empty()) << fusion;
  }
  const Pretrained unimodal({"model.fusion=genes"}, test::patient_range(0, 40));
  EXPECT_EQ(unimodal.losses.size(), 8u);
}

TEST(Pretraining, WithoutPatientsOrEpochsNothingHappens) {
  EXPECT_TRUE(Pretrained({}, {4, 9, 14}).unchanged()) << "all three lack genes";
  EXPECT_TRUE(Pretrained({}, {}).unchanged());
  const Pretrained none({"encoder.genes.pretrain_epochs=0"}, test::patient_range(0, 40));
  EXPECT_TRUE(none.unchanged() && none.losses.empty());
}

// relu(W x + b), or without the ReLU.
Numbers layer(const ParameterStore& store, const std::string& name, const Numbers& x, bool relu) {
  const Tensor w = store.value(store.find(name + ".weight")), b = store.value(store.find(name + ".bias"));
  Numbers y;
  for (std::int64_t o = 0; o < w.rows(); ++o) {
    double sum = static_cast<double>(b.as<float>()[o]);
    for (std::size_t k = 0; k < x.size(); ++k)
      sum += static_cast<double>(w.as<float>()[o * w.row_stride + static_cast<std::int64_t>(k)]) * x[k];
    y.push_back(relu ? std::max(sum, 0.0) : sum);
  }
  return y;
}

// The first epoch's loss, without corruption and in one batch, is that of the initial parameters: the mean over those
// who have the modality of the mean squared error over their measured cells, the cells that were not being 0 (the mean)
// at the input. A learning rate this small moves nothing that single precision shows in the sum.
TEST(Pretraining, TheLossIsTheReconstructionErrorOfMeasuredCells) {
  const std::vector<std::int64_t> patients = test::patient_range(3, 33);
  const Pretrained done({"encoder.genes.corruption=0.0", "train.batch_size=64", "train.learning_rate=1e-9"}, patients);
  const Dataset dataset(done.cohort, done.trained.fit);
  const DatasetModality& genes = dataset.modalities()[0];
  double sum = 0.0, n = 0.0, unmeasured = 0.0;
  for (const std::int64_t patient : patients) {
    const std::int64_t row = genes.row_of_patient[static_cast<std::size_t>(patient)];
    if (row < 0) continue;
    Numbers x;
    std::vector<bool> measured;
    for (std::int64_t j = 0; j < genes.columns; ++j) {
      const float cell = genes.encoded[static_cast<std::size_t>(row * genes.columns + j)];
      measured.push_back(!std::isnan(cell));
      const auto column = static_cast<std::size_t>(j);
      x.push_back(static_cast<double>(measured.back() ? cell : genes.fill[column]));
    }
    const ParameterStore& store = done.store();
    Numbers y = layer(store, "encoder.genes.1", layer(store, "encoder.genes.0", x, true), true);
    y = layer(store, "decoder.genes.1", layer(store, "decoder.genes.0", y, true), false);
    double error = 0.0, cells = 0.0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (!measured[j]) unmeasured += 1.0;
      if (measured[j]) error += (y[j] - x[j]) * (y[j] - x[j]), cells += 1.0;
    }
    sum += error / cells, n += 1.0;
  }
  EXPECT_GT(unmeasured, 0.0);
  ASSERT_FALSE(done.losses.empty());
  // The loss is divided by the weight of the whole batch, those without the modality not among them.
  EXPECT_NEAR(done.losses.front(), sum / n, 1e-5 * sum / n);
}

}  // namespace
}  // namespace plait
