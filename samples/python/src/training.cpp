// Data, optimisers, fit and evaluate.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/data/batch_source.h"
#include "nn/data/image_batches.h"
#include "nn/data/loader.h"
#include "nn/data/sources/image_dataset.h"
#include "nn/data/sources/image_sources.h"
#include "nn/data/sources/tensors.h"
#include "nn/data/transforms/image_processor.h"
#include "nn/data/transforms/image_processor_file.h"
#include "nn/models/answers.h"
#include "nn/models/image_classifier.h"
#include "nn/optim/optimizer.h"
#include "nn/optim/parameter_groups.h"
#include "nn/optim/schedule.h"
#include "nn/train/fit.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/models.h"
#include "samples/python/src/python_batches.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

namespace fs = std::filesystem;

// Batches that fit and evaluate take.
struct Data {
  nn::Batches batches;
  std::vector<std::string> class_names;
};

Data from_arrays(const Tensor& images, const Tensor& labels,
                 const std::vector<std::string>& class_names) {
  return {nn::batches_of(images.detach(), labels, class_names), class_names};
}

// The processor of the model's folder if it has one, else a plain one of the model's size.
nn::ImageProcessor processor_for(const Classifier& c, const std::optional<fs::path>& folder) {
  const nn::ImageClassifier::Shape s = c.model->shape();
  if (folder) {
    if (const auto found = nn::image_processor_in(*folder))
      return nn::parse_image_processor(
                 found->text, found->where,
                 {.processor_class = s.image_processor, .channels = s.num_channels})
          .processor;
  }
  return nn::image_processor_for(s.image_size, s.image_size, s.num_channels);
}

nb::dict from_folder(const fs::path& path, const Classifier& c,
                     const std::optional<fs::path>& model_folder, double hflip) {
  const nn::ImageProcessor processor = processor_for(c, model_folder);
  const nn::ImageSplits splits = [&] {
    const nb::gil_scoped_release unlocked;
    return nn::open_images(path);
  }();
  nb::dict parts;
  const auto add = [&](const char* name, const nn::ImageData& data, double flip) {
    if (data == nullptr) return;
    const nn::ImageBatchOptions options{.transform = {.processor = processor, .hflip = flip}};
    parts[name] = nb::cast(Data{nn::batches_of(data, options), splits.class_names()});
  };
  add("train", splits.train, hflip);
  add("validation", splits.validation, 0);
  add("test", splits.test, 0);
  return parts;
}

// What fit did, step by step.
struct History {
  std::vector<int64_t> step, samples;
  std::vector<double> loss, lr, gradient_norm, seconds;
};

nb::dict dict_of(const nn::StepReport& r) {
  nb::dict d;
  d["step"] = r.step;
  d["loss"] = r.loss;
  d["lr"] = r.lr;
  d["gradient_norm"] = r.gradient_norm;
  d["samples"] = r.samples;
  d["seconds"] = r.seconds;
  return d;
}

nb::dict dict_of(const History& h) {
  nb::dict d;
  d["step"] = nb::cast(h.step);
  d["loss"] = nb::cast(h.loss);
  d["lr"] = nb::cast(h.lr);
  d["gradient_norm"] = nb::cast(h.gradient_norm);
  d["samples"] = nb::cast(h.samples);
  d["seconds"] = nb::cast(h.seconds);
  return d;
}

// Throws what a signal's handler raises: KeyboardInterrupt for Ctrl-C.
void check_signals() {
  if (PyErr_CheckSignals() != 0) nb::raise_python_error();
}

// Notes a step and asks Python: a signal (Ctrl-C) or an exception of the callback ends the training
// between two steps, False too.
bool after_step(const nn::StepReport& r, History& history, const nb::object& on_step) {
  history.step.push_back(r.step);
  history.samples.push_back(r.samples);
  history.loss.push_back(r.loss);
  history.lr.push_back(r.lr);
  history.gradient_norm.push_back(r.gradient_norm);
  history.seconds.push_back(r.seconds);
  const nb::gil_scoped_acquire lock;
  check_signals();
  return on_step.is_none() || !on_step(dict_of(r)).is(nb::bool_(false));
}

// What fit reads: data of ours, or a Python function that gives the next batch, a pair (images,
// labels), each time.
nn::Loader loader_of(nb::handle data, int64_t steps, int64_t batch_size, int64_t accumulation_steps,
                     uint64_t seed, int64_t workers) {
  if (nb::isinstance<Data>(data))
    return {nb::cast<const Data&>(data).batches,
            {.batch_size = batch_size, .seed = seed, .workers = workers}};
  return {
      std::make_shared<PythonBatches>(nb::borrow<nb::callable>(data), steps * accumulation_steps),
      {.batch_size = 1, .shuffle = false}};
}

nb::dict run_fit(Classifier& c, nb::handle data, nn::Optimizer& optimizer, int64_t steps,
                 int64_t batch_size, const std::string& schedule, int64_t warmup_steps,
                 double label_smoothing, double max_gradient_norm, int64_t accumulation_steps,
                 uint64_t seed, int64_t workers, DType precision, const nb::object& on_step) {
  History history;
  nn::Loader loader = loader_of(data, steps, batch_size, accumulation_steps, seed, workers);
  {
    const nb::gil_scoped_release unlocked;
    nn::Forward forward = [&](const Tensor& images) { return (*c.model)(images); };
    if (precision != DType::float32) forward = nn::autocast(forward, precision);
    nn::fit(*c.model, forward, loader, optimizer,
            {.steps = steps,
             .accumulation_steps = accumulation_steps,
             .schedule = {.kind = nn::schedule_kind(schedule),
                          .warmup_steps = warmup_steps,
                          .total_steps = steps},
             .label_smoothing = label_smoothing,
             .max_gradient_norm = max_gradient_norm,
             .on_step = [&](const nn::StepReport& r) { return after_step(r, history, on_step); }});
  }
  return dict_of(history);
}

nb::dict run_evaluate(Classifier& c, const Data& data, int64_t batch_size) {
  const nn::Forward forward = [&](const Tensor& x) {
    {
      const nb::gil_scoped_acquire lock;
      check_signals();
    }
    return (*c.model)(x);
  };
  nn::Evaluation e;
  {
    const nb::gil_scoped_release unlocked;
    e = nn::evaluate(*c.model, forward, data.batches, batch_size);
  }
  nb::dict d;
  d["accuracy"] = e.accuracy;
  d["top5"] = e.top5;
  d["loss"] = e.loss;
  d["predicted"] = nb::cast(e.predicted);
  d["probability"] = nb::cast(e.probability);
  d["labels"] = nb::cast(e.labels);
  return d;
}

std::vector<nn::ParameterGroup> groups_of(const std::vector<Tensor>& parameters, double decay) {
  for (const Tensor& p : parameters) check_writable("optimizer", p);
  return {{.parameters = parameters, .weight_decay = decay}};
}

template <class Kind>
void bind_adamw(nb::module_& m, const char* name, const char* doc) {
  nb::class_<Kind, nn::Optimizer>(m, name, doc)
      .def(
          "__init__",
          [](Kind* self, const std::vector<Tensor>& parameters, double lr,
             std::pair<double, double> betas, double eps, double weight_decay) {
            new (self) Kind(groups_of(parameters, weight_decay),
                            {.lr = lr, .beta1 = betas.first, .beta2 = betas.second, .eps = eps});
          },
          nb::arg("parameters"), nb::arg("lr") = 1e-3, nb::arg("betas") = std::pair(0.9, 0.999),
          nb::arg("eps") = 1e-8, nb::arg("weight_decay") = 0.01);
}

void bind_optimisers(nb::module_& m) {
  nb::class_<nn::Optimizer>(m, "Optimizer", "Updates parameters by their gradients.")
      .def("step", &nn::Optimizer::step, Unlocked(), "Updates every parameter with a gradient.")
      .def("zero_grad", &nn::Optimizer::zero_grad, "Drops all gradients.")
      .def_prop_rw("lr", &nn::Optimizer::lr, &nn::Optimizer::set_lr, "The learning rate.")
      .def_prop_ro("steps", &nn::Optimizer::steps, "Steps made.")
      .def("state_dict", &nn::Optimizer::state_dict, "Moments by name, and \"steps\".")
      .def("load_state_dict", &nn::Optimizer::load_state_dict, nb::arg("state"),
           "Copies them back; nothing is written unless all fits.");
  bind_adamw<nn::AdamW>(m, "AdamW", "torch.optim.AdamW's arithmetic.");
  bind_adamw<nn::AdamW8bit>(m, "AdamW8bit",
                            "AdamW with moments in 8 bits, bitsandbytes' arithmetic; parameters of "
                            "fewer than 4,096 elements keep whole ones.");
  nb::class_<nn::Sgd, nn::Optimizer>(m, "SGD", "torch.optim.SGD's arithmetic.")
      .def(
          "__init__",
          [](nn::Sgd* self, const std::vector<Tensor>& parameters, double lr, double momentum,
             bool nesterov, double weight_decay) {
            new (self) nn::Sgd(groups_of(parameters, weight_decay),
                               {.lr = lr, .momentum = momentum, .nesterov = nesterov});
          },
          nb::arg("parameters"), nb::arg("lr"), nb::arg("momentum") = 0.0,
          nb::arg("nesterov") = false, nb::arg("weight_decay") = 0.0);
  m.def(
      "_optimizer_of",
      [](Classifier& c, double lr, double weight_decay) {
        return new nn::AdamW(nn::parameter_groups(*c.model, {.weight_decay = weight_decay}),
                             {.lr = lr});
      },
      nb::rv_policy::take_ownership, nb::arg("model"), nb::arg("lr") = 1e-3,
      nb::arg("weight_decay") = 0.0,
      "AdamW on the parameters that train; biases, norms and scales do not decay.");
  m.def("clip_grad_norm", nn::clip_grad_norm, nb::arg("parameters"), nb::arg("max_norm"),
        Unlocked(),
        "Scales gradients to a joint norm of at most max_norm; returns the norm before.");
}

}  // namespace

void bind_training(nb::module_& m) {
  nb::class_<Data>(m, "ImageData", "Labelled images, in batches when they are asked for.")
      .def("__len__", [](const Data& d) { return d.batches->size(); })
      .def_prop_ro(
          "class_names", [](const Data& d) { return d.class_names; }, "By label.");
  m.def("_images_from_tensors", from_arrays, nb::arg("images"), nb::arg("labels"),
        nb::arg("class_names"), "What papilio.images_from_arrays calls.");
  m.def("images_from_folder", from_folder, nb::arg("path"), nb::arg("model"),
        nb::arg("model_folder") = nb::none(), nb::arg("hflip") = 0.0,
        nb::sig("def images_from_folder(path: str | os.PathLike, model: ImageClassifier, "
                "model_folder: str | os.PathLike | None = None, hflip: float = 0.0) -> dict[str, "
                "ImageData]"),
        "The parts of a folder of pictures (a folder a class), IDX, CIFAR or WebDataset files, as "
        "the\n"
        "model takes them, under the names \"train\", \"validation\" and \"test\" as far as there "
        "are\n"
        "such. model_folder: whose preprocessor_config.json says how; hflip: the probability of a\n"
        "mirrored picture in training.");
  bind_optimisers(m);
  m.def("_fit_steps", run_fit, nb::arg("model"), nb::arg("data"), nb::arg("optimizer"),
        nb::arg("steps"), nb::arg("batch_size"), nb::arg("schedule"), nb::arg("warmup_steps"),
        nb::arg("label_smoothing"), nb::arg("max_gradient_norm"), nb::arg("accumulation_steps"),
        nb::arg("seed"), nb::arg("workers"), nb::arg("precision"), nb::arg("on_step").none(),
        "What papilio.fit calls.");
  m.def("_evaluate", run_evaluate, nb::arg("model"), nb::arg("data"), nb::arg("batch_size"),
        "What papilio.evaluate calls.");
}

}  // namespace papilio::python
