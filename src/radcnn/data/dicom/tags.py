"""The attributes by which an image is placed and its pixels are understood: their tags and value representations.

pydicom's dictionary knows them as well (PS3.6); it takes a tenth of a second to load, which a file whose header is
parsed without it need not wait for. A name that stands here may be asked of a usual header, any other may not.
"""

from __future__ import annotations

PIXELS = 0x7FE00010
CHARACTER_SET = 0x00080005

# keyword: tag and value representation
PIXEL_TAGS: dict[str, tuple[int, str]] = {  # what is asked to understand the stored numbers
    "SpecificCharacterSet": (CHARACTER_SET, "CS"),
    "SOPClassUID": (0x00080016, "UI"),
    "Modality": (0x00080060, "CS"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "PixelPaddingValue": (0x00280120, "US or SS"),
    "PixelPaddingRangeLimit": (0x00280121, "US or SS"),
    "WindowCenter": (0x00281050, "DS"),
    "RescaleIntercept": (0x00281052, "DS"),
    "RescaleSlope": (0x00281053, "DS"),
    "RescaleType": (0x00281054, "LO"),
    "VOILUTSequence": (0x00283010, "SQ"),
    "PresentationLUTShape": (0x20500020, "CS"),
}
PLACE_TAGS: dict[str, tuple[int, str]] = {  # and to place the image and tell it from others
    "ImageType": (0x00080008, "CS"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "AcquisitionTime": (0x00080032, "TM"),
    "ContentTime": (0x00080033, "TM"),
    "FrameType": (0x00089007, "CS"),
    "ComplexImageComponent": (0x00089208, "CS"),
    "PatientID": (0x00100020, "LO"),
    "SequenceName": (0x00180024, "SH"),
    "SliceThickness": (0x00180050, "DS"),
    "KVP": (0x00180060, "DS"),
    "EchoTime": (0x00180081, "DS"),
    "InversionTime": (0x00180082, "DS"),
    "EchoNumbers": (0x00180086, "IS"),
    "TriggerTime": (0x00181060, "DS"),
    "GantryDetectorTilt": (0x00181120, "DS"),
    "ImagerPixelSpacing": (0x00181164, "DS"),
    "ConvolutionKernel": (0x00181210, "SH"),
    "NominalScannedPixelSpacing": (0x00182010, "DS"),
    "PulseSequenceName": (0x00189005, "SH"),
    "FrameAcquisitionDateTime": (0x00189074, "DT"),
    "InversionTimes": (0x00189079, "FD"),
    "EffectiveEchoTime": (0x00189082, "FD"),
    "DiffusionBValue": (0x00189087, "FD"),
    "DiffusionGradientOrientation": (0x00189089, "FD"),
    "MonoenergeticEnergyEquivalent": (0x0018937C, "FD"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "SeriesNumber": (0x00200011, "IS"),
    "AcquisitionNumber": (0x00200012, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "TemporalPositionIdentifier": (0x00200100, "IS"),
    "StackID": (0x00209056, "SH"),
    "TemporalPositionIndex": (0x00209128, "UL"),
    "NominalCardiacTriggerDelayTime": (0x00209153, "FD"),
    "FrameAcquisitionNumber": (0x00209156, "US"),
    "NominalPercentageOfCardiacPhase": (0x00209241, "FL"),
    "PixelSpacing": (0x00280030, "DS"),
    "FrameReferenceTime": (0x00541300, "DS"),
}
ABSENT_TAGS: dict[str, tuple[int, str]] = {  # asked as well, and never there in a usual header
    "SequenceOfUltrasoundRegions": (0x00186011, "SQ"),
    "DiffusionGradientDirectionSequence": (0x00189076, "SQ"),
    "ModalityLUTSequence": (0x00283000, "SQ"),
    "SharedFunctionalGroupsSequence": (0x52009229, "SQ"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "SQ"),
    "FloatPixelData": (0x7FE00008, "OF"),
    "DoubleFloatPixelData": (0x7FE00009, "OD"),
}
ALL_TAGS = {**PIXEL_TAGS, **PLACE_TAGS, **ABSENT_TAGS, "PixelData": (PIXELS, "OB or OW")}
