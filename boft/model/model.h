// Adapters on a whole model: attaching, activating, merging and taking off.
#pragma once

#include <string>
#include <vector>

#include "boft/methods/methods.h"
#include "boft/model/attach.h"
#include "boft/model/merge.h"

namespace papilio::boft {

// Refers to a model (which must outlive it), freezes it, and manages its adapters by name, as
// PEFT's PeftModel does. Parameters of the model change their owners on the way (a saved module's
// fields are swapped), so make optimisers after set_adapter.
class AdapterModel {
 public:
  // What its functions speak of (merge.h, attach.h).
  using Progress = boft::Progress;
  using LayerRef = boft::LayerRef;
  using OwnTensor = boft::OwnTensor;

  // Freezes the model, which it refers to.
  explicit AdapterModel(nn::Module& model);

  // Attaches without activating, except for the first adapter, which becomes active. Throws
  // ArgumentError and leaves the model as it was for a name taken, targets that match nothing, a
  // shape that does not divide, and a second adapter with trained biases. Returns warnings, one
  // line each.
  std::vector<std::string> add_adapter(const std::string& name, const AdapterConfig& config);
  // Removes it; throws while it is merged. If no other was active, the first of the rest becomes
  // active, as in PEFT; the line returned says so.
  std::vector<std::string> delete_adapter(const std::string& name);
  // Makes exactly these active (in this order) and trainable, all others inactive and frozen.
  void set_adapter(const std::vector<std::string>& names);
  const std::vector<std::string>& active() const { return active_; }
  std::vector<std::string> names() const;
  const AdapterConfig& config(const std::string& name) const;
  // Whether its configuration names modules as Transformers 5 does (boft/model/targets.h).
  bool transformers5_names(const std::string& name) const;

  // While it lives, the model computes with its original weights, biases and modules, and without
  // adapters; merged or not.
  class Disabled {
   public:
    explicit Disabled(AdapterModel& model);
    ~Disabled();
    Disabled(const Disabled&) = delete;
    Disabled& operator=(const Disabled&) = delete;

   private:
    AdapterModel& model_;
    bool before_;
  };
  [[nodiscard]] Disabled disable() { return Disabled(*this); }

  // Writes adapters (the active ones by default) into the weights. safe: a result that is not
  // finite throws. An error leaves every weight as it was. Merging only some of the active adapters
  // throws, and names the others, when these would then apply in another order than before.
  void merge(bool safe = false, std::vector<std::string> names = {},
             const Progress& progress = nullptr);
  // The weights from before merging, bit for bit.
  void unmerge();
  const std::vector<std::string>& merged() const { return merged_; }
  // What quantising again did to each quantised layer that was merged last.
  const std::vector<MergeError>& merge_errors() const { return merge_errors_; }

  // Merges, then takes every adapter off: a plain model with the adapted weights, trained biases
  // and saved modules. It stays frozen. Throws if active adapters are left out, and for an adapter
  // at one of tied weights.
  void merge_and_unload(bool safe = false, std::vector<std::string> names = {},
                        const Progress& progress = nullptr);
  // Takes every adapter off and leaves the original model, frozen.
  void unload();

  // From now on the adapter does `strength` times as much at every layer (LayerAdapter); its own
  // tensors, a trained head among them, act as a whole. Throws while it is merged, and for a
  // number that is not finite.
  void set_strength(const std::string& name, double strength);

  // Layers that carry the adapter, in the model's order.
  const std::vector<LayerRef>& layers(const std::string& name) const;
  nn::Module& model() const { return model_; }

  // The tensors of the model that the adapter has for itself: biases and saved modules.
  const std::vector<OwnTensor>& own_tensors(const std::string& name) const;

  // Moves the model with all adapters and their own tensors; see nn::to. If adapters have own
  // tensors, moving the model alone makes the next call here throw.
  void to(Device device);

 private:
  const Attached& entry(const char* operation, const std::string& name) const;
  std::vector<const Attached*> entries(const char* operation,
                                       const std::vector<std::string>& names) const;
  // Puts the active adapters' own tensors (or the originals) into the model's fields.
  void show(bool adapters) const;
  void set_enabled(bool on);

  nn::Module& model_;
  std::vector<Attached> adapters_;  // in the order they were added
  std::vector<std::string> active_, merged_;
  std::vector<MergeError> merge_errors_;
  bool enabled_ = true;
};

}  // namespace papilio::boft
