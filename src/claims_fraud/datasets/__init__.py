"""The Kedro datasets that no library has."""

from claims_fraud.datasets.autoencoder import AutoencoderDataset, OutcomeModelDataset
from claims_fraud.datasets.by_version import ByVersionDataset, ReferenceProfilesDataset
from claims_fraud.datasets.claims_file import ClaimsFileDataset
from claims_fraud.datasets.kept_sample import KeptSampleDataset
from claims_fraud.datasets.registered_autoencoder import RegisteredAutoencoderDataset
from claims_fraud.datasets.run_lock import RunLockDataset
from claims_fraud.datasets.whole_file import WholeFileDataset

__all__ = [
    "AutoencoderDataset",
    "ByVersionDataset",
    "ClaimsFileDataset",
    "KeptSampleDataset",
    "OutcomeModelDataset",
    "ReferenceProfilesDataset",
    "RegisteredAutoencoderDataset",
    "RunLockDataset",
    "WholeFileDataset",
]
